"""PAD as nodes: its weights, then identity, content and emotion of a voice (Sec. 3.1, Eq. 1-7).

Each factor may come of another voice. Knows nothing about faces or pixels.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from imagineid_core.assets import LISTEN, SHIPPED, check_suite
from imagineid_core.listen.pad import load_pad
from imagineid_core.listen.progressive import listen_content, listen_emotion, listen_identity
from imagineid_core.motion.head_pose import find_head_motion
from imagineid_core.pipeline.perform import hear_windows, style_frames
from imagineid_core.values import Content, Identity

from .convert import speech_from_audio
from .listening_networks import ListeningNetworks, listening_networks
from .model_files import EMBEDDED, pad_folders, place_of, state_of
from .progress import frames_bar
from .schema import ImagineNode, gives, node_schema, refusal, takes
from .sockets import CONTENT, EMOTION, IDENTITY, PAD
from .timeline import Timeline, told

_VOICE = "The voice heard for its {what}: any rate and channels, at least one frame (0.04 s)."


class PADLoader(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "PADLoader",
            "PAD Loader",
            "listen",
            "Load the networks that listen to a voice, and the head motion trained with them.",
            inputs=[
                takes(
                    io.Combo,
                    "weights",
                    f"'{EMBEDDED}': the small demonstration networks of this pack, trained on "
                    "synthetic people. Others: a folder in models/imagineid with "
                    "pad_identity, pad_content and pad_emotion.safetensors.",
                    options=[EMBEDDED, *pad_folders()],
                    default=EMBEDDED,
                ),
            ],
            outputs=[gives(PAD, "pad", "Progressive Audio Disentanglement, ready to listen.")],
        )

    @classmethod
    def validate_inputs(
        cls, weights: str = EMBEDDED, input_types: Mapping[str, Any] | None = None
    ) -> bool | str:
        return refusal(cls, input_types, lambda: _pad_place(weights))

    @classmethod
    def fingerprint_inputs(cls, weights: str = EMBEDDED) -> Any:
        return state_of(_pad_place(weights))

    @classmethod
    def execute(cls, weights: str) -> io.NodeOutput:
        place = check_suite(LISTEN) if weights == EMBEDDED else _pad_place(weights)
        return io.NodeOutput(listening_networks(load_pad(place), find_head_motion(place)))


class PADIdentity(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "PADIdentity",
            "PAD Identity",
            "listen",
            "Hear what a voice says about its face: shape alpha and semantics theta_id (Eq. 1-2). "
            "A vector for drawing an imagined face, not a classification of the speaker.",
            inputs=[
                takes(PAD, "pad", "The listening networks, of a PAD Loader."),
                takes(
                    io.Audio,
                    "audio",
                    _VOICE.format(what="face")
                    + " Another voice than that of PAD Content gives its words another face.",
                ),
            ],
            outputs=[gives(IDENTITY, "identity", "Shape alpha (80) and semantics theta_id.")],
        )

    @classmethod
    def execute(cls, pad: ListeningNetworks, audio: Any) -> io.NodeOutput:
        speech = speech_from_audio(audio)
        heard = listen_identity(
            pad.loaded().identity, hear_windows(speech), on_progress=frames_bar()
        )
        return io.NodeOutput(_at_rest(heard), ui=told(Timeline(speech=speech)))


class PADContent(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "PADContent",
            "PAD Content",
            "listen",
            "Hear what is said, frame by frame: linguistic features and the lip expression they "
            "decode to on a face (Eq. 4-5).",
            inputs=[
                takes(PAD, "pad", "The listening networks, of a PAD Loader."),
                takes(io.Audio, "audio", _VOICE.format(what="words")),
                takes(
                    IDENTITY,
                    "identity",
                    "The face whose lips speak; of the same voice or of another one.",
                ),
            ],
            outputs=[
                gives(CONTENT, "content", "Linguistic features and lips, 25 frames a second.")
            ],
        )

    @classmethod
    def execute(cls, pad: ListeningNetworks, audio: Any, identity: Identity) -> io.NodeOutput:
        speech = speech_from_audio(audio)
        nets = pad.loaded()
        heard = listen_content(
            nets.content, hear_windows(speech), identity.shape, on_progress=frames_bar()
        )
        content = _at_rest(heard)
        lips = (identity.shape[0], content.lip_expression[0])
        return io.NodeOutput(content, ui=told(Timeline(speech=speech, lips=lips)))


class PADEmotion(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "PADEmotion",
            "PAD Emotion",
            "listen",
            "Hear how it is said: the style theta_e of a voice and the whole expression that it "
            "makes of the words (Eq. 6-7).",
            inputs=[
                takes(PAD, "pad", "The listening networks, of a PAD Loader."),
                takes(
                    io.Audio,
                    "audio",
                    _VOICE.format(what="feeling")
                    + " Another voice than that of PAD Content says its words with this feeling.",
                ),
                takes(CONTENT, "content", "What is said, of PAD Content."),
                takes(IDENTITY, "identity", "The face that shows it: the same as at PAD Content."),
                takes(
                    io.Float,
                    "style_seconds",
                    "Seconds over which the feeling follows the voice. 0, the paper's way: one "
                    "feeling for the whole clip. Above 0 only with the voice of the content.",
                    default=0.0,
                    min=0.0,
                    max=60.0,
                    step=0.1,
                ),
            ],
            outputs=[gives(EMOTION, "emotion", "Style theta_e and expression beta of each frame.")],
        )

    @classmethod
    def execute(
        cls,
        pad: ListeningNetworks,
        audio: Any,
        content: Content,
        identity: Identity,
        style_seconds: float,
    ) -> io.NodeOutput:
        speech = speech_from_audio(audio)
        heard = listen_emotion(
            pad.loaded().emotion,
            hear_windows(speech),
            content,
            identity.shape,
            style_frames=style_frames(style_seconds or None),
            on_progress=frames_bar(),
        )
        emotion = _at_rest(heard)
        lips = (identity.shape[0], emotion.expression[0])
        return io.NodeOutput(emotion, ui=told(Timeline(speech=speech, lips=lips)))


NODES = (PADLoader, PADIdentity, PADContent, PADEmotion)


def _pad_place(weights: str) -> Path:
    return SHIPPED / LISTEN if weights == EMBEDDED else place_of(weights, "pad")


def _at_rest(heard: Any) -> Any:
    """A value of small tensors on the CPU, where it waits in ComfyUI's cache."""
    held = {field.name: getattr(heard, field.name) for field in fields(heard)}
    return replace(
        heard, **{name: one.cpu() for name, one in held.items() if isinstance(one, Tensor)}
    )
