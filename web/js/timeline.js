/**
 * A timeline as an element of the page: a canvas of the right size, sharpness and colours.
 * Knows nothing about pointers, keyboards, nodes or where its curves come from.
 */

import { lastTime } from "./keyframes.js";
import { layOut, leastHeight } from "./lanes.js";
import { paint } from "./paint.js";
import { coloursOf } from "./theme.js";
import { whole } from "./view.js";

const EMPTY_SECONDS = 4; // shown before the first run
const SHARPEST = 4; // pixels of the canvas for one of the page
const STALE = "imagineid:stale";
const CLASS = "imagineid-timeline";

export class Timeline {
  scene = {
    run: null,
    keys: null,
    selected: null,
    cursor: null,
    active: null,
    isFocused: false,
    message: "",
  };
  seconds = EMPTY_SECONDS;
  view = whole(EMPTY_SECONDS);
  plan = null;
  #isQueued = false;

  /** names: of its lanes. zoom: a function, how many times the page is enlarged. */
  constructor(names, words, zoom) {
    Object.assign(this, { names, words, zoom });
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.style.cssText =
      "position:absolute;inset:0;width:100%;height:100%;touch-action:none;outline:none";
    this.element = document.createElement("div");
    this.element.className = CLASS;
    this.element.style.cssText =
      "position:relative;overflow:hidden;border-radius:6px;" +
      `min-height:${leastHeight(names)}px;outline-offset:-1px`;
    this.element.append(this.canvas);
    this.element.addEventListener(STALE, () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(this.element);
    for (const [type, isFocused] of [["focus", true], ["blur", false]]) {
      this.canvas.addEventListener(type, () => {
        this.element.style.outline = isFocused ? "2px solid var(--input-text, #ddd)" : "none";
        this.show({ isFocused });
      });
    }
  }

  /** Change the scene; what is not named stays. */
  show(change) {
    Object.assign(this.scene, change);
    this.redraw();
  }

  /** Curves of a run as nodes/timeline.py tells them; null for none. */
  showRun(told) {
    this.show({ run: told && { ...told, sound: told.wave } });
    this.fit();
  }

  /** Room for the run and all keys; who has zoomed in stays there. */
  fit() {
    const { run, keys } = this.scene;
    const isWhole = this.view.to - this.view.from >= this.seconds;
    const seconds = Math.max(run?.seconds ?? EMPTY_SECONDS, keys ? lastTime(keys) : 0);
    if (isWhole || this.view.to > seconds) this.view = whole(seconds);
    this.seconds = seconds;
    this.redraw();
  }

  redraw() {
    if (this.#isQueued) return;
    this.#isQueued = true;
    requestAnimationFrame(() => {
      this.#isQueued = false;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    if (!this.canvas.ariaLabel) this.canvas.ariaLabel = this.words.label ?? "";
    const scale = Math.min(SHARPEST, devicePixelRatio * Math.max(1, this.zoom()));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const { run, keys } = this.scene;
    this.plan = layOut({ names: this.names, width, height, view: this.view, run, keys });
    const colours = coloursOf(this.element);
    context.fillStyle = colours.background;
    context.fillRect(0, 0, width, height);
    paint(context, this.plan, this.scene, colours, this.words);
  }
}

/** Redraw all that are on the page: its colours, its zoom or its language has changed. */
export function redrawAll() {
  for (const element of document.querySelectorAll(`.${CLASS}`)) {
    element.dispatchEvent(new Event(STALE));
  }
}
