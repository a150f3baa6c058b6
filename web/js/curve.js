/**
 * The curve through keys: monotone cubic (Fritsch and Carlson), so that it never overshoots.
 * The same as imagineid_core/motion/keyframes.py, which moves the head; this only draws.
 * Knows nothing about pixels or channels.
 */

/** Points {t, value} in rising time to a function of t, which holds before and behind them. */
export function curveThrough(points) {
  if (points.length === 1) return () => points[0].value;
  const slopes = slopesAt(points);
  const last = points.length - 1;
  return (t) => {
    if (t <= points[0].t) return points[0].value;
    if (t >= points[last].t) return points[last].value;
    const i = points.findIndex((point) => point.t > t) - 1;
    const width = points[i + 1].t - points[i].t;
    const s = (t - points[i].t) / width;
    const [p, q] = [points[i].value, points[i + 1].value];
    const [u, v] = [slopes[i] * width, slopes[i + 1] * width];
    return p + s * (u + s * (3 * (q - p) - 2 * u - v + s * (2 * (p - q) + u + v)));
  };
}

/** With a second of rest before and behind the points: a head eases into motion and out of it. */
export function easedThrough(points) {
  const [first, last] = [points[0], points.at(-1)];
  return curveThrough([{ ...first, t: first.t - 1 }, ...points, { ...last, t: last.t + 1 }]);
}

function slopesAt(points) {
  const widths = [];
  const rises = [];
  for (let i = 0; i + 1 < points.length; i++) {
    widths.push(points[i + 1].t - points[i].t);
    rises.push((points[i + 1].value - points[i].value) / widths[i]);
  }
  if (rises.length === 1) return [rises[0], rises[0]];
  const inner = rises.slice(1).map((after, i) => {
    const before = rises[i];
    if (before * after <= 0) return 0;
    const [w, x] = [2 * widths[i + 1] + widths[i], widths[i + 1] + 2 * widths[i]];
    return (w + x) / (w / before + x / after);
  });
  const [n, m] = [rises.length - 1, rises.length - 2];
  const begin = slopeAtEnd(widths[0], widths[1], rises[0], rises[1]);
  const end = slopeAtEnd(widths[n], widths[m], rises[n], rises[m]);
  return [begin, ...inner, end];
}

function slopeAtEnd(width, next, rise, nextRise) {
  const slope = ((2 * width + next) * rise - width * nextRise) / (width + next);
  if (slope * rise <= 0) return 0;
  return rise * nextRise <= 0 && Math.abs(slope) > 3 * Math.abs(rise) ? 3 * rise : slope;
}
