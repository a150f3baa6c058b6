/**
 * Paints a timeline: sound and curves of the last run, keys and what they add, ruler and cursor.
 * Knows nothing about pointers, texts' languages or ComfyUI.
 */

import { curveThrough, easedThrough } from "./curve.js";
import { CHANNELS } from "./keyframes.js";
import { GUTTER } from "./lanes.js";

export const KEY_RADIUS = 4.5;
const FONT = "11px Inter, system-ui, sans-serif";
const LINE = 11.5; // pixels between two lines of a lane's name and values
const UNITS = { mouth: " mm", yaw: "°", pitch: "°", roll: "°", emotion: " ×" };
const SPACES = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]; // seconds
const LEAST_SPACE = 44; // pixels between two numbers of the ruler

/**
 * scene: run (curves of the last run), keys, selected (a key), cursor (seconds or null), active
 * (the keyboard's lane), isFocused, message. words: what is written.
 */
export function paint(context, plan, scene, colours, words) {
  context.font = FONT;
  context.lineJoin = "round";
  for (const [place, lane] of plan.lanes.entries()) {
    if (place % 2 === 0) paintStripe(context, plan, lane, colours);
    paintName(context, plan, lane, scene, colours, words);
    paintLane(context, plan, lane, scene, colours);
  }
  paintRuler(context, plan, scene, colours);
  if (scene.cursor !== null) paintCursor(context, plan, scene, colours);
  const isEmpty = !scene.run && !hasKeys(scene);
  const notice = scene.message || (isEmpty ? words.empty : "");
  if (notice) paintNotice(context, plan, plan.lanes[0], notice, colours);
  const lane = plan.lanes.find(({ name }) => scene.keys?.[name]);
  const isAsking = lane && !hasKeys(scene) && (scene.cursor !== null || !scene.run);
  if (isAsking) paintNotice(context, plan, lane, words.hint, colours);
}

/** What the keys of a channel add at a moment; null without keys. */
export function changeOf(name, points) {
  if (!points?.length) return null;
  return name === "emotion" ? curveThrough(points) : easedThrough(points);
}

export function numberOf(name, value) {
  const digits = name === "blink" || name === "emotion" ? 2 : 1;
  return `${value.toFixed(digits).replace("-", "−")}${UNITS[name] ?? ""}`;
}

function paintStripe(context, { outer }, lane, colours) {
  context.fillStyle = colours.stripe;
  context.fillRect(outer.left, lane.top, outer.right - outer.left, lane.height);
}

/** At the left of a lane: its name; at the cursor what it is, and what its keys add (●). */
function paintName(context, { outer }, lane, { run, keys, cursor, ...scene }, colours, words) {
  const { name } = lane;
  const values = [];
  const curve = name === "sound" ? null : run?.[name];
  if (curve && cursor !== null && cursor <= run.seconds) {
    const at = Math.min(curve.length - 1, Math.floor((cursor / run.seconds) * curve.length));
    values.push(numberOf(name, curve[at]));
  }
  const change = cursor === null ? null : changeOf(name, keys?.[name]);
  if (change) values.push(`● ${numberOf(name, change(cursor))}`);
  const isActive = scene.isFocused && scene.active === name;
  const [x, y] = [outer.left + 4, lane.top + (lane.height - values.length * LINE) / 2 + 4];
  context.textAlign = "left";
  context.fillStyle = isActive || values.length ? colours.ink : colours.faint;
  context.fillText(`${isActive ? "▸" : ""}${words[name]}`, x, y, GUTTER - 6);
  context.fillStyle = colours.ink;
  values.forEach((value, i) => context.fillText(value, x, y + (i + 1) * LINE, GUTTER - 6));
}

function paintLane(context, plan, lane, scene, colours) {
  const { name } = lane;
  const colour = colours.lanes[name];
  const points = scene.keys?.[name] ?? [];
  const rest = plan.y(lane, CHANNELS[name]?.rest ?? 0);
  context.save();
  context.beginPath();
  context.rect(plan.left, lane.top, plan.right - plan.left, lane.height);
  context.clip();
  strokeLine(context, [plan.left, rest, plan.right, rest], colours.line);
  const curve = scene.run?.[name];
  if (curve) paintRun(context, plan, lane, curve, scene.run.seconds, rest, colour);
  paintChange(context, plan, lane, points, colour);
  context.restore();
  for (const [index, point] of points.entries()) {
    const isSelected = scene.selected?.name === name && scene.selected.index === index;
    paintKey(context, plan, lane, point, isSelected, colour, colours);
  }
}

function paintRun(context, plan, lane, curve, seconds, rest, colour) {
  const step = seconds / curve.length;
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1;
  if (lane.name === "sound") {
    const width = Math.max(1, plan.x(step) - plan.x(0));
    for (const [i, value] of curve.entries()) {
      const half = Math.max(0.5, rest - plan.y(lane, value));
      context.fillRect(plan.x(i * step), rest - half, width, 2 * half);
    }
    return;
  }
  context.beginPath();
  context.moveTo(plan.x(0), plan.y(lane, curve[0]));
  for (const [i, value] of curve.entries()) context.lineTo(plan.x(i * step), plan.y(lane, value));
  context.lineTo(plan.x(seconds), plan.y(lane, curve.at(-1)));
  context.globalAlpha = 0.75;
  context.stroke();
  context.lineTo(plan.x(seconds), rest);
  context.lineTo(plan.x(0), rest);
  context.globalAlpha = 0.2;
  context.fill();
  context.globalAlpha = 1;
}

function paintChange(context, plan, lane, points, colour) {
  const change = changeOf(lane.name, points);
  if (!change) return;
  context.beginPath();
  for (let x = plan.left; x <= plan.right; x += 1) {
    context.lineTo(x, plan.y(lane, change(plan.t(x))));
  }
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}

function paintKey(context, plan, lane, point, isSelected, colour, colours) {
  const [x, y] = [plan.x(point.t), plan.y(lane, point.value)];
  if (x < plan.left - 1 || x > plan.right + 1) return;
  context.beginPath();
  context.arc(x, y, KEY_RADIUS + (isSelected ? 1.5 : 0), 0, 2 * Math.PI);
  context.fillStyle = isSelected ? colours.ink : colour;
  context.fill();
  context.lineWidth = isSelected ? 2 : 1.5;
  context.strokeStyle = isSelected ? colour : colours.background;
  context.stroke();
}

function paintRuler(context, plan, scene, colours) {
  const { top, height } = plan.ruler;
  const space = SPACES.find((one) => plan.x(one) - plan.x(0) >= LEAST_SPACE) ?? SPACES.at(-1);
  context.fillStyle = colours.faint;
  for (let i = Math.ceil(plan.t(plan.left) / space); plan.x(i * space) <= plan.right + 1; i++) {
    const x = plan.x(i * space);
    strokeLine(context, [x, top, x, top + 4], colours.faint);
    context.textAlign = x < plan.left + 12 ? "left" : x > plan.right - 20 ? "right" : "center";
    const text = Number((i * space).toFixed(2));
    context.fillText(i === 0 ? "0 s" : `${text}`, x, top + height - 1);
  }
  if (scene.run && plan.x(scene.run.seconds) < plan.right - 1) {
    const end = plan.x(scene.run.seconds); // keys behind the end of the voice
    strokeLine(context, [end, plan.lanes[0].top, end, top + height], colours.faint, [4, 3]);
  }
}

function paintCursor(context, plan, { cursor }, colours) {
  const x = plan.x(cursor);
  strokeLine(context, [x, plan.lanes[0].top, x, plan.ruler.top], colours.ink);
  const text = `${cursor.toFixed(2)} s`;
  const half = context.measureText(text).width / 2 + 3;
  const middle = Math.min(plan.right - half, Math.max(plan.left + half, x));
  context.fillStyle = colours.ink;
  context.fillRect(middle - half, plan.ruler.top, 2 * half, plan.ruler.height);
  context.fillStyle = colours.background;
  context.textAlign = "center";
  context.fillText(text, middle, plan.ruler.top + plan.ruler.height - 3.5);
}

function paintNotice(context, plan, lane, text, colours) {
  const [x, y] = [(plan.left + plan.right) / 2, lane.top + lane.height / 2];
  const width = Math.min(context.measureText(text).width, plan.right - plan.left) + 12;
  context.fillStyle = colours.background;
  context.fillRect(x - width / 2, y - 8, width, 16);
  context.fillStyle = colours.faint;
  context.textAlign = "center";
  context.fillText(text, x, y + 4, plan.right - plan.left);
}

function hasKeys({ keys }) {
  return Object.values(keys ?? {}).some((points) => points.length);
}

function strokeLine(context, [x, y, toX, toY], colour, dash = []) {
  context.save();
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}
