/**
 * Where things are on a timeline: one lane below the other, seconds to the right, a ruler below.
 * Knows nothing about how lanes are painted, nor about pointers.
 */

import { CHANNELS } from "./keyframes.js";

export const GUTTER = 54; // pixels, as everything here; at the left, for names and values
const PAD = 4;
const RULER = 15;
const LANE = 25; // at least
const SHARES_WITH_KEYS = 1.6; // of the height, to one of a lane without
const MARGIN = 1.12; // of a lane's reach: curves stay clear of its edges
const MOUTH_REACH = 8; // mm
const QUIETEST = 0.05; // a sound below it is not magnified further

/** How high a timeline is at least. */
export function leastHeight(names) {
  return 2 * PAD + RULER + names.reduce((sum, name) => sum + LANE * shareOf(name), 0);
}

/** The lanes of `names` on a canvas, and the way from seconds and values to pixels and back. */
export function layOut({ names, width, height, view, run, keys }) {
  const [left, right] = [PAD + GUTTER, width - PAD - 4];
  const ruler = { top: height - PAD - RULER, height: RULER };
  const shares = names.map(shareOf);
  const unit = (ruler.top - PAD) / shares.reduce((sum, share) => sum + share, 0);
  let top = PAD;
  const lanes = names.map((name, i) => {
    const range = rangeOf(name, run?.[name], keys?.[name]);
    const lane = { name, top, height: unit * shares[i], ...range };
    top += lane.height;
    return lane;
  });
  const perSecond = (right - left) / (view.to - view.from);
  return {
    left,
    right,
    outer: { left: PAD, right: width - PAD },
    lanes,
    ruler,
    x: (t) => left + (t - view.from) * perSecond,
    t: (x) => view.from + (x - left) / perSecond,
    seconds: (pixels) => pixels / perSecond,
    y: (lane, value) =>
      lane.top + lane.height * (1 - (value - lane.low) / (lane.high - lane.low)),
    value: (lane, y) =>
      lane.low + (lane.high - lane.low) * (1 - (y - lane.top) / lane.height),
    laneAt: (y) => lanes.find((lane) => y >= lane.top && y < lane.top + lane.height),
  };
}

function shareOf(name) {
  return name in CHANNELS ? SHARES_WITH_KEYS : 1;
}

/** The values at a lane's lower and upper edge; everything drawn in it has room. */
function rangeOf(name, curve = [], points = []) {
  const most = [...curve, ...points.map(({ value }) => value)].reduce(
    (largest, value) => Math.max(largest, Math.abs(value)),
    0,
  );
  if (name === "sound") {
    const reach = Math.max(QUIETEST, most) * MARGIN;
    return { low: -reach, high: reach };
  }
  if (name === "mouth") return { low: 0, high: Math.max(MOUTH_REACH, most) * MARGIN };
  const { least, reach } = CHANNELS[name];
  const high = Math.max(reach, most) * MARGIN;
  return { low: least < 0 ? -high : -0.06 * high, high };
}
