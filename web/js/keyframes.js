/**
 * The keys that Head Motion adds to its source: their text in the workflow and what edits make of
 * them. The text is that of nodes/keyframes.py; every edit gives new keys, the old ones stay.
 * Knows nothing about pixels, pointers or ComfyUI.
 */

/**
 * rest: the value without keys. least, most: what an edit may give. reach: how far a lane shows at
 * least. step: what one press of an arrow changes.
 */
export const CHANNELS = {
  yaw: { rest: 0, least: -90, most: 90, reach: 10, step: 0.5 },
  pitch: { rest: 0, least: -60, most: 60, reach: 10, step: 0.5 },
  roll: { rest: 0, least: -60, most: 60, reach: 10, step: 0.5 },
  blink: { rest: 0, least: 0, most: 1, reach: 1, step: 0.05 },
  emotion: { rest: 1, least: 0, most: 3, reach: 2, step: 0.05 },
};
const VERSION = 1;
const TICK = 0.01; // seconds between two keys of a channel, at least
const LID_SECONDS = 0.12; // the eyes of a new blink close in this time, and open in as much
const LONGEST_LID = 0.5; // an open eye further away does not belong to a blink

/** Points {t, value} of every channel in rising time; null if the text is not one of ours. */
export function keysOf(text) {
  const keys = Object.fromEntries(Object.keys(CHANNELS).map((name) => [name, []]));
  if (!String(text).trim()) return keys;
  for (const key of listOf(text) ?? [null]) {
    if (!isKey(key)) return null;
    const { t, ...values } = key;
    for (const [name, value] of Object.entries(values)) keys[name].push({ t, value });
  }
  for (const points of Object.values(keys)) points.sort((one, other) => one.t - other.t);
  return keys;
}

export function textOf(keys) {
  const moments = new Map();
  for (const [name, points] of Object.entries(keys)) {
    for (const { t, value } of points) moments.set(t, { t, ...moments.get(t), [name]: value });
  }
  const rising = [...moments.values()].sort((one, other) => one.t - other.t);
  return JSON.stringify({ v: VERSION, keys: rising });
}

/** One key more. A blink also opens the eyes again: one key alone would hold them shut. */
export function withKey(keys, name, t, value) {
  if (name !== "blink") return placed(keys, name, keys[name], [pointOf(name, t, value)], 0);
  const lids = [t - LID_SECONDS, t + LID_SECONDS].filter((at) => at >= 0 && at !== t);
  const blink = [pointOf(name, t, 1), ...lids.map((at) => pointOf(name, at, 0))];
  return placed(keys, name, outside(keys.blink, blink), blink, 0);
}

/** A key elsewhere; a blink takes the moments along at which it begins and ends. */
export function moved(keys, { name, index }, t, value) {
  const points = keys[name];
  const lids = lidsOf(name, points, index);
  const first = points[Math.min(index, ...lids)].t;
  const shift = Math.max(t - points[index].t, -first);
  const taken = [
    pointOf(name, points[index].t + shift, value),
    ...lids.map((lid) => pointOf(name, points[lid].t + shift, points[lid].value)),
  ];
  const others = points.filter((_, at) => at !== index && !lids.includes(at));
  return placed(keys, name, lids.length ? outside(others, taken) : others, taken, 0);
}

/** Without a key; of a blink nothing is left. */
export function withoutKey(keys, { name, index }) {
  const gone = [index, ...lidsOf(name, keys[name], index)];
  return { ...keys, [name]: keys[name].filter((_, at) => !gone.includes(at)) };
}

/** The last moment that any key sets, in seconds. */
export function lastTime(keys) {
  return Math.max(0, ...Object.values(keys).map((points) => points.at(-1)?.t ?? 0));
}

function listOf(text) {
  try {
    const held = JSON.parse(text);
    return held?.v === VERSION && Array.isArray(held.keys) ? held.keys : null;
  } catch {
    return null;
  }
}

function isKey(key) {
  const known = (name) => name === "t" || name in CHANNELS;
  return (
    Number.isFinite(key?.t) &&
    Object.entries(key).every(([name, value]) => known(name) && Number.isFinite(value))
  );
}

function pointOf(name, t, value) {
  const { least, most } = CHANNELS[name];
  const limited = Math.min(most, Math.max(least, value));
  return { t: Math.max(0, rounded(t)), value: rounded(limited) };
}

/** The keys with new points among the others of their channel, and where one of the new ones is. */
function placed(keys, name, others, points, chosen) {
  const all = [...others];
  const free = points.map((point) => {
    let { t } = point;
    while (all.some((other) => other.t === t)) t = rounded(t + TICK);
    all.push({ ...point, t });
    return all.at(-1);
  });
  all.sort((one, other) => one.t - other.t);
  return { keys: { ...keys, [name]: all }, key: { name, index: all.indexOf(free[chosen]) } };
}

/** Where the eyes are open just before and after a blink. */
function lidsOf(name, points, index) {
  if (name !== "blink" || points[index].value === 0) return [];
  return [index - 1, index + 1].filter((at) => {
    const lid = points[at];
    return lid?.value === 0 && Math.abs(lid.t - points[index].t) <= LONGEST_LID;
  });
}

function outside(points, blink) {
  const times = blink.map(({ t }) => t);
  return points.filter(({ t }) => t < Math.min(...times) || t > Math.max(...times));
}

function rounded(value) {
  return Math.round(value * 100) / 100;
}
