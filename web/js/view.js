/**
 * Which seconds a timeline shows: all of them, or a part after zooming.
 * Knows nothing about pixels or curves.
 */

const SHORTEST = 0.2; // seconds

export const whole = (seconds) => ({ from: 0, to: seconds });

/** Nearer by `factor` (above 1) or further, about a moment that stays where it is. */
export function zoomed({ from, to }, factor, about, seconds) {
  const span = Math.min(seconds, Math.max(SHORTEST, (to - from) / factor));
  return within(about - ((about - from) / (to - from)) * span, span, seconds);
}

export function shifted({ from, to }, by, seconds) {
  return within(from + by, to - from, seconds);
}

function within(from, span, seconds) {
  const begin = Math.max(0, Math.min(from, seconds - span));
  return { from: begin, to: begin + span };
}
