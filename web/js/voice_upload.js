/**
 * Audio Loader's button for files and its player, with the widgets of ComfyUI's own Load Audio.
 * Knows nothing about what is done with a voice.
 */

import { app } from "../../../scripts/app.js";

const WIDGETS = { audioUI: "AUDIO_UI", upload: "AUDIOUPLOAD" }; // the button looks for the player

app.registerExtension({
  name: "ImagineID.voiceUpload",
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (nodeData.name !== "ImagineID_AudioLoader") return;
    const { required } = nodeData.input;
    required.audio[1].audio_upload = true; // Vue nodes have their button in the list of files
    for (const [name, kind] of Object.entries(WIDGETS)) {
      required[name] = [kind, {}];
      nodeData.input_order?.required?.push(name);
    }
  },
});
