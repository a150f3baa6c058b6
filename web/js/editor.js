/**
 * Edits keys on a timeline by pointer and keyboard, and says when an edit is done.
 * Knows nothing about ComfyUI, nor where the keys' text is kept.
 */

import { CHANNELS, keysOf, moved, textOf, withKey, withoutKey } from "./keyframes.js";
import { changeOf, KEY_RADIUS, numberOf } from "./paint.js";

const GRAB = KEY_RADIUS + 4; // pixels around a key
const FRAME = 0.04; // seconds, for one press of an arrow
const FAST = 10; // times as much with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class KeyEditor {
  /** read, write: of the keys' text. isLocked: a function, whether the keys come from elsewhere. */
  constructor(timeline, { read, write, isLocked }) {
    Object.assign(this, { timeline, read, write, isLocked });
    timeline.canvas.setAttribute("role", "application");
    timeline.canvas.addEventListener("keydown", (event) => this.#press(event));
    this.refresh();
  }

  /** Show the keys as their text is now. */
  refresh() {
    const { timeline } = this;
    const { words } = timeline;
    const keys = keysOf(this.read());
    const message = this.isLocked() ? words.linked : keys ? "" : words.unreadable;
    const { selected, active } = timeline.scene;
    const isThere = keys?.[selected?.name]?.[selected?.index];
    timeline.show({
      keys: keys ?? keysOf(""),
      message,
      selected: isThere ? selected : null,
      active: active ?? Object.keys(CHANNELS)[0],
    });
    timeline.fit();
    this.#tell();
  }

  /** What dragging from here does; null if there is no key. */
  grab(place) {
    const { timeline } = this;
    const lane = timeline.plan.laneAt(place.y);
    const selected = this.isLocked() ? null : this.#keyAt(place);
    timeline.show({ selected });
    if (lane?.name in CHANNELS) timeline.show({ active: (selected ?? lane).name });
    this.#tell();
    if (!selected) return null;
    const { plan, scene } = timeline; // the lane keeps its scale until the key is dropped
    const { keys } = scene;
    const { t, value } = keys[selected.name][selected.index];
    const itsLane = plan.lanes.find(({ name }) => name === selected.name);
    const [dx, dy] = [plan.x(t) - place.x, plan.y(itsLane, value) - place.y];
    return {
      move: ({ x, y }) => {
        const to = Math.min(timeline.view.to, Math.max(timeline.view.from, plan.t(x + dx)));
        const upTo = y === place.y ? value : snapped(itsLane.name, plan.value(itsLane, y + dy));
        this.#show(moved(keys, selected, to, upTo));
      },
      drop: () => this.#done(),
      cancel: () => this.refresh(),
    };
  }

  /** A new key at a place without one. */
  add(place) {
    const { plan, scene } = this.timeline;
    const lane = plan.laneAt(place.y);
    if (this.isLocked() || !(lane?.name in CHANNELS) || this.#keyAt(place)) return;
    const value = snapped(lane.name, plan.value(lane, place.y));
    this.#show(withKey(scene.keys, lane.name, plan.t(place.x), value));
    this.#done();
  }

  cursorAt(place) {
    if (this.isLocked()) return "default";
    if (this.#keyAt(place)) return "grab";
    return this.timeline.plan.laneAt(place.y)?.name in CHANNELS ? "crosshair" : "default";
  }

  #keyAt({ x, y }) {
    const { plan, scene } = this.timeline;
    let nearest = null;
    let least = GRAB;
    for (const lane of plan.lanes) {
      for (const [index, { t, value }] of (scene.keys[lane.name] ?? []).entries()) {
        const away = Math.hypot(plan.x(t) - x, plan.y(lane, value) - y);
        if (away <= least) [least, nearest] = [away, { name: lane.name, index }];
      }
    }
    return nearest;
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // undo and copy are the page's
    const isOurs = this.#act(event.key, event.shiftKey ? FAST : 1);
    if (!isOurs) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Whether the key of the keyboard is one of the timeline's. */
  #act(key, times) {
    if (key in ARROWS) this.#step(...ARROWS[key].map((way) => way * times));
    else if (key === "n" || key === "p") this.#choose(key === "n" ? 1 : -1);
    else if (key === "Enter") this.#addAtCursor();
    else if (key === "Delete" || key === "Backspace") this.#remove();
    else return false;
    return true;
  }

  #step(right, up) {
    const { scene, view } = this.timeline;
    const { selected, keys } = scene;
    if (selected && !this.isLocked()) {
      const { t, value } = keys[selected.name][selected.index];
      const step = CHANNELS[selected.name].step * up;
      this.#show(moved(keys, selected, t + right * FRAME, value + step));
      this.#done();
    } else if (right) {
      const cursor = (scene.cursor ?? view.from) + right * FRAME;
      this.timeline.show({ cursor: Math.min(view.to, Math.max(view.from, cursor)) });
    } else {
      const names = Object.keys(CHANNELS);
      const at = names.indexOf(scene.active) - Math.sign(up);
      this.timeline.show({ active: names.at(at % names.length) });
      this.#tell();
    }
  }

  #choose(by) {
    const { keys, selected, active } = this.timeline.scene;
    const all = Object.entries(keys).flatMap(([name, points]) =>
      points.map((_, index) => ({ name, index })),
    );
    if (!all.length) return;
    const isIt = (key) => key.name === selected?.name && key.index === selected.index;
    const first = Math.max(0, all.findIndex(({ name }) => name === active));
    const next = all.at(selected ? (all.findIndex(isIt) + by) % all.length : first);
    this.timeline.show({ selected: next, active: next.name });
    this.#tell();
  }

  #addAtCursor() {
    const { keys, active, cursor } = this.timeline.scene;
    if (this.isLocked()) return;
    const t = cursor ?? (this.timeline.view.from + this.timeline.view.to) / 2;
    const value = changeOf(active, keys[active])?.(t) ?? CHANNELS[active].rest;
    this.#show(withKey(keys, active, t, value));
    this.#done();
  }

  #remove() {
    const { keys, selected } = this.timeline.scene;
    if (!selected || this.isLocked()) return;
    this.timeline.show({ keys: withoutKey(keys, selected), selected: null });
    this.#done();
  }

  #show({ keys, key }) {
    const { t } = keys[key.name][key.index];
    this.timeline.show({ keys, selected: key, active: key.name, cursor: t });
    this.#tell();
  }

  #done() {
    const text = textOf(this.timeline.scene.keys);
    if (text === this.read()) return;
    this.write(text);
    this.refresh();
  }

  /** For who cannot see it. */
  #tell() {
    const { canvas, words, scene } = this.timeline;
    const { selected, keys, active } = scene;
    const name = selected?.name ?? active;
    const point = keys[name][selected?.index];
    const told = point
      ? `${numberOf(name, point.value)}, ${point.t} s`
      : `${keys[name].length} ${words.keys}`;
    canvas.ariaLabel = `${words.label}: ${words[name]} ${told}`;
  }
}

/** To whole steps, as the keyboard makes them. */
function snapped(name, value) {
  const { step } = CHANNELS[name];
  return Math.round(value / step) * step;
}
