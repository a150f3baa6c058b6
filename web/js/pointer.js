/**
 * The pointer on a timeline: it reads values, zooms and shifts the seconds shown; the rest is an
 * editor's. What belongs to the graph behind it, as panning and its zoom, goes on to the graph.
 * Knows nothing about keys.
 */

import { shifted, whole, zoomed } from "./view.js";

const ZOOM = 1.0015; // for each pixel of a wheel

/** graph: a function, ComfyUI's canvas. editor: null if there is nothing to edit. */
export function followPointer(timeline, graph, editor) {
  const { canvas } = timeline;
  const on = (type, listener) => canvas.addEventListener(type, listener, { passive: false });
  let drag = null;
  let isGraphs = false;
  canvas.dataset.captureWheel = "true"; // else Vue nodes keep the wheel for themselves

  on("pointerdown", (event) => {
    isGraphs = event.button === 1 || graph().read_only;
    if (isGraphs) graph().processMouseDown(event);
    if (isGraphs || event.button !== 0) return;
    event.stopPropagation();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const place = placeOn(canvas, event);
    drag = onRuler(timeline, place)
      ? shifting(timeline, place)
      : (editor?.grab(place) ?? reading(timeline, place));
  });
  on("pointermove", (event) => {
    if (isGraphs) return graph().processMouseMove(event);
    const place = placeOn(canvas, event);
    if (drag) return drag.move(place);
    canvas.style.cursor = editor?.cursorAt(place) ?? "default";
    reading(timeline, place);
  });
  const end = (how) => (event) => {
    if (isGraphs) graph().processMouseUp(event);
    isGraphs = false;
    drag?.[how]?.();
    drag = null;
  };
  on("pointerup", end("drop"));
  on("pointercancel", end("cancel"));
  on("pointerleave", () => drag || timeline.scene.isFocused || timeline.show({ cursor: null }));
  on("blur", () => timeline.show({ cursor: null }));
  on("dblclick", (event) => {
    event.stopPropagation();
    const place = placeOn(canvas, event);
    if (!onRuler(timeline, place)) return editor?.add(place);
    timeline.view = whole(timeline.seconds);
    timeline.redraw();
  });
  on("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
  });
  on("wheel", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.ctrlKey || document.activeElement !== canvas) {
      return graph().processMouseWheel(event);
    }
    const about = timeline.plan.t(placeOn(canvas, event).x);
    timeline.view = zoomed(timeline.view, ZOOM ** -event.deltaY, about, timeline.seconds);
    timeline.redraw();
  });
}

/** Where an event is in the canvas's own pixels, however the page is enlarged. */
function placeOn(canvas, { clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((clientX - box.left) * canvas.clientWidth) / box.width,
    y: ((clientY - box.top) * canvas.clientHeight) / box.height,
  };
}

function onRuler({ plan }, { y }) {
  return y >= plan.ruler.top;
}

function reading(timeline, place) {
  const move = ({ x }) => {
    const { from, to } = timeline.view;
    timeline.show({ cursor: Math.min(to, Math.max(from, timeline.plan.t(x))) });
  };
  move(place);
  return { move };
}

function shifting(timeline, { x: begin }) {
  const { view } = timeline;
  return {
    move({ x }) {
      timeline.view = shifted(view, timeline.plan.seconds(begin - x), timeline.seconds);
      timeline.redraw();
    },
  };
}
