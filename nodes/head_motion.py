"""Head Motion: pose and blink of a voice, and with them the whole performance of a clip.

The head moves with the voice, stays still, or follows a track; what is drawn is added to that.
Knows nothing about networks or meshes.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy_api.latest import io

from imagineid_core.errors import InputError
from imagineid_core.imagine.config import LARGEST_SEED
from imagineid_core.listen.pad import Heard
from imagineid_core.motion.blink import AT_REST, blinks_at
from imagineid_core.motion.track import add, scale
from imagineid_core.motion.track_json import load_track
from imagineid_core.pipeline.edit_performance import with_emotion
from imagineid_core.pipeline.perform import perform_heard
from imagineid_core.values import Content, Emotion, Identity, MotionTrack, Performance

from .convert import fps_fraction, speech_from_audio
from .keyframes import EMPTY, STRONGEST, check_keyframes, drawn
from .listening_networks import ListeningNetworks
from .model_files import state_of
from .schema import ImagineNode, gives, node_schema, refusal, takes
from .sockets import CONTENT, EMOTION, IDENTITY, MOTION, PAD, PERFORMANCE
from .timeline import Timeline, told

VOICE, STILL, FILE = "from the voice", "still", "track file"
NO_FILE = "none"


class HeadMotion(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "HeadMotion",
            "Head Motion",
            "motion",
            "Move the head and blink, from the voice, from a track, or as drawn, and join it with "
            "what was heard into a performance: all that a face does in the clip.",
            inputs=[
                takes(PAD, "pad", "The listening networks, of a PAD Loader, with head motion."),
                takes(io.Audio, "audio", "The voice of PAD Content; it gives the clip its length."),
                takes(IDENTITY, "identity", "Whose face it is, of PAD Identity."),
                takes(CONTENT, "content", "What is said, of PAD Content."),
                takes(EMOTION, "emotion", "How it is said, of PAD Emotion."),
                takes(
                    io.Combo,
                    "source",
                    f"'{VOICE}': drawn by the PoseVAE that belongs to the PAD weights. '{STILL}': "
                    f"looks into the camera. '{FILE}': the file of 'track_file'.",
                    options=[VOICE, STILL, FILE],
                    default=VOICE,
                ),
                takes(
                    io.Int,
                    "style",
                    "Which style of head motion; the networks tell how many they learned "
                    "(SadTalker's paper: 46). No effect on other sources.",
                    default=0,
                    min=0,
                    max=999,
                ),
                takes(
                    io.Int,
                    "seed",
                    "Of head motion and blinks: the same seed moves the same way.",
                    default=0,
                    min=0,
                    max=LARGEST_SEED,
                ),
                takes(
                    io.Float,
                    "head_amount",
                    "Factor of the head's turns and shifts about its first frame: 0 still, "
                    "1 as it comes.",
                    default=1.0,
                    min=0.0,
                    max=3.0,
                    step=0.05,
                ),
                takes(
                    io.Float,
                    "blinks_per_minute",
                    "How often the eyes close at random: 17 at rest, 26 in conversation, "
                    "0 never. No effect on a track file, which has its own.",
                    default=AT_REST,
                    min=0.0,
                    max=60.0,
                    step=0.5,
                ),
                takes(
                    io.Float,
                    "emotion_strength",
                    "Factor of what the emotion adds to the lips: 0 none, 1 as heard (the paper's),"
                    " above 1 exaggerated.",
                    default=1.0,
                    min=0.0,
                    max=STRONGEST,
                    step=0.05,
                ),
                takes(
                    io.Float,
                    "fps",
                    "Frames a second of the film, 10 to 60; the paper's is 25. 29.97 means "
                    "30000/1001.",
                    default=25.0,
                    min=10.0,
                    max=60.0,
                    step=0.01,
                ),
                takes(
                    io.Combo,
                    "track_file",
                    "A motion track (.json) of the input folder: one row a frame, or keyframes, "
                    "in degrees and dm, as 'imagineid listen' writes it.",
                    options=[NO_FILE, *_track_files()],
                    default=NO_FILE,
                ),
                takes(  # new widgets only behind this one: its place is in people's workflows
                    io.String,
                    "keyframes",
                    "What the timeline draws, added to the source: yaw, pitch, roll in degrees, "
                    "blink 0 to 1, emotion as a factor (1 as heard), at seconds t.",
                    default=EMPTY,
                    multiline=True,
                    dynamic_prompts=False,
                    socketless=True,
                ),
                takes(
                    MOTION,
                    "motion",
                    "A motion track of another node; used instead of the source when connected.",
                    optional=True,
                ),
            ],
            outputs=[
                gives(PERFORMANCE, "performance", "All that the face does, frame by frame."),
                gives(MOTION, "track", "Head pose and blink alone.", display_name="motion"),
                gives(io.Float, "frame_rate", "Frames a second.", display_name="fps"),
            ],
        )

    @classmethod
    def validate_inputs(
        cls,
        source: str = VOICE,
        track_file: str = NO_FILE,
        keyframes: Any = EMPTY,
        input_types: Mapping[str, Any] | None = None,
    ) -> bool | str:
        return refusal(
            cls,
            input_types,
            lambda: source == FILE and load_track(_track_place(track_file)),
            lambda: keyframes is None or check_keyframes(str(keyframes)),
        )

    @classmethod
    def fingerprint_inputs(
        cls, source: str = VOICE, track_file: str = NO_FILE, **others: Any
    ) -> Any:
        return state_of(_track_place(track_file)) if source == FILE else None

    @classmethod
    def execute(
        cls,
        pad: ListeningNetworks,
        audio: Any,
        identity: Identity,
        content: Content,
        emotion: Emotion,
        source: str,
        style: int,
        seed: int,
        head_amount: float,
        blinks_per_minute: float,
        emotion_strength: float,
        fps: float,
        track_file: str,
        keyframes: str,
        motion: MotionTrack | None = None,
    ) -> io.NodeOutput:
        speech = speech_from_audio(audio, fps_fraction(fps))
        if motion is None and source == FILE:
            motion = load_track(_track_place(track_file))
        heard = perform_heard(
            speech,
            Heard(identity=identity, content=content, emotion=emotion),
            seed=seed,
            motion=motion,
            head=pad.head if source == VOICE else None,
            pose_style=style,
            blinks=blinks_at(blinks_per_minute),
        )
        lines = drawn(keyframes, speech.num_frames, speech.fps)
        moved = add(
            scale(heard.motion, rotation=head_amount, translation=head_amount), lines.change
        )
        strength = emotion_strength * lines.emotion
        performance = replace(heard, motion=moved)
        if not bool(torch.all(strength == 1)):
            performance = with_emotion(performance, strength)
        line = Timeline(speech=speech, lips=_lips(performance), motion=moved, emotion=strength)
        return io.NodeOutput(performance, moved, float(speech.fps), ui=told(line))


NODES = (HeadMotion,)


def _lips(performance: Performance) -> Any:
    assert performance.shape is not None
    return performance.shape, performance.expression


def _track_files() -> list[str]:
    folder = Path(folder_paths.get_input_directory())
    return sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []


def _track_place(track_file: str) -> Path:
    if track_file == NO_FILE:
        raise InputError(
            f"source is '{FILE}' but track_file is '{NO_FILE}'. Put a motion track (.json) into "
            "ComfyUI's input folder and choose it, or choose another source."
        )
    return Path(folder_paths.get_annotated_filepath(track_file))
