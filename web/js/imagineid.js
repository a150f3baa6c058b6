/**
 * ComfyUI's side: a timeline on each node that tells one, on Head Motion with an editor of keys.
 * Runs on nodes drawn by LiteGraph and on Vue nodes, by the same code.
 * Knows nothing about curves, keys or colours.
 */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { KeyEditor } from "./editor.js";
import { CHANNELS } from "./keyframes.js";
import { leastHeight } from "./lanes.js";
import { followPointer } from "./pointer.js";
import { redrawAll, Timeline } from "./timeline.js";
import { wordsIn } from "./words.js";

const TOLD = "imagineid_timeline"; // in the ui data of nodes/timeline.py
const LANES = {
  ImagineID_PADIdentity: ["sound"],
  ImagineID_PADContent: ["sound", "mouth"],
  ImagineID_PADEmotion: ["sound", "mouth"],
  ImagineID_HeadMotion: ["sound", "mouth", ...Object.keys(CHANNELS)],
};
const KEYFRAMES = "keyframes"; // the widget of Head Motion that keeps them
const RUNS = 8; // of the history, looked through for what is not run again
const MARGIN = 4;
const ROOM = 280; // pixels, the width of a new node
const ROOM_FOR_KEYS = 420;
const words = {};

app.registerExtension({
  name: "ImagineID.timeline",
  async init() {
    redrawWithThePage();
    api.addEventListener("executing", ({ detail }) => detail || showUnchanged());
    const language = app.extensionManager?.setting?.get("Comfy.Locale");
    Object.assign(words, wordsIn(await api.getCustomNodesI18n(), language));
    redrawAll();
  },
  nodeCreated(node) {
    const names = LANES[node.comfyClass];
    if (names) addTimeline(node, names);
  },
  loadedGraphNode(node) {
    node.widgets?.find(isTimeline)?.timeline.showRun(lastRun(node));
  },
});

function addTimeline(node, names) {
  const timeline = new Timeline(names, words, () => app.canvas.ds.scale);
  const kept = node.widgets?.find(({ name }) => name === KEYFRAMES);
  const editor = kept ? editKeys(node, kept, timeline) : null;
  followPointer(timeline, () => app.canvas, editor);
  after(node, "onExecuted", (output) => {
    if (output?.[TOLD]?.[0]) timeline.showRun(output[TOLD][0]);
  });
  const height = leastHeight(names) + 2 * MARGIN;
  const widget = node.addDOMWidget("timeline", "IMAGINEID_TIMELINE", timeline.element, {
    serialize: false, // not in what is sent to run
    hideOnZoom: false,
    margin: MARGIN,
    getMinHeight: () => height,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false; // nor in the workflow
  widget.timeline = timeline;
  const width = Math.max(editor ? ROOM_FOR_KEYS : ROOM, node.size[0]);
  node.setSize([width, node.computeSize()[1]]);
}

/** The text of the keys stays in its own widget, which the timeline stands for. */
function editKeys(node, kept, timeline) {
  kept.hidden = kept.options.hidden = true;
  kept.computeLayoutSize = () => ({ minHeight: 0, maxHeight: 0, minWidth: 0 });
  const editor = new KeyEditor(timeline, {
    read: () => kept.value,
    write: (text) => {
      kept.value = text;
      rememberForUndo();
    },
    isLocked: () => node.inputs?.find(({ widget }) => widget?.name === KEYFRAMES)?.link != null,
  });
  after(kept, "callback", () => editor.refresh());
  for (const event of ["onConfigure", "onConnectionsChange"]) {
    after(node, event, () => editor.refresh());
  }
  return editor;
}

function isTimeline(widget) {
  return Boolean(widget.timeline);
}

/** What a node told when it last ran on this page; it outlives the node when that is made anew. */
function lastRun(node) {
  const isInside = node.graph && node.graph.isRootGraph === false; // of a subgraph
  const name = isInside ? `${node.graph.id}:${node.id}` : String(node.id);
  return app.nodeOutputs?.[name]?.[TOLD]?.[0] ?? null;
}

/** Of a node that did not have to run again nothing is told; but it was when it last ran. */
async function showUnchanged() {
  const nodes = app.graph.nodes.filter((node) => {
    const timeline = node.widgets?.find(isTimeline)?.timeline;
    return timeline && !timeline.scene.run;
  });
  if (!nodes.length) return;
  const history = await (await api.fetchApi(`/history?max_items=${RUNS}`)).json();
  const latest = Object.values(history).reverse();
  for (const node of nodes) {
    const run = latest.find(({ outputs }) => outputs?.[node.id]?.[TOLD]);
    if (run) node.widgets.find(isTimeline).timeline.showRun(run.outputs[node.id][TOLD][0]);
  }
}

function rememberForUndo() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  (tracker?.captureCanvasState ?? tracker?.checkState)?.call(tracker);
}

function redrawWithThePage() {
  let scale = 0;
  after(app.canvas, "onDrawForeground", () => {
    if (scale !== app.canvas.ds.scale) redrawAll();
    scale = app.canvas.ds.scale;
  });
  new MutationObserver(redrawAll).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["style", "class"],
  });
}

/** Call `then` behind whatever an object does at `name`. */
function after(held, name, then) {
  const before = held[name];
  held[name] = function (...given) {
    const result = before?.apply(this, given);
    then(...given);
    return result;
  };
}
