"""Small prompts in ComfyUI's API form. Knows nothing about servers."""

from collections.abc import Mapping
from typing import Any

Prompt = dict[str, dict[str, Any]]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def ours(kind: str, **inputs: Any) -> dict[str, Any]:
    return node(f"ImagineID_{kind}", **inputs)


def changed(prompt: Prompt, name: str, **inputs: Any) -> Prompt:
    return {**prompt, name: {**prompt[name], "inputs": {**prompt[name]["inputs"], **inputs}}}


def listening(seconds: float = 0.4, **loader: Any) -> Prompt:
    """A voice to a performance; its nodes are voice, pad, identity, content, emotion, head."""
    pad, voice = ["pad", 0], ["voice", 0]
    heard = {"pad": pad, "audio": voice}
    sound: Mapping[str, Any] = {
        "audio": "sample: hello.wav",
        "start_seconds": 0.5,
        "seconds": seconds,
        "allow_damaged": False,
        **loader,
    }
    return {
        "voice": ours("AudioLoader", **sound),
        "pad": ours("PADLoader", weights="embedded"),
        "identity": ours("PADIdentity", **heard),
        "content": ours("PADContent", **heard, identity=["identity", 0]),
        "emotion": ours(
            "PADEmotion",
            **heard,
            content=["content", 0],
            identity=["identity", 0],
            style_seconds=0.0,
        ),
        "head": ours(
            "HeadMotion",
            **heard,
            identity=["identity", 0],
            content=["content", 0],
            emotion=["emotion", 0],
            source="from the voice",
            style=0,
            seed=0,
            head_amount=1.0,
            blinks_per_minute=17.0,
            emotion_strength=1.0,
            fps=25.0,
            track_file="none",
            keyframes='{"v":1,"keys":[]}',
        ),
    }


def mesh_film(size: int = 64, **loader: Any) -> Prompt:
    """A voice to a video of the mesh with sound, saved by stock nodes."""
    return {
        **listening(**loader),
        "face": ours("FaceBasisLoader", face="open face (embedded)"),
        "mesh": ours(
            "MeshRender",
            performance=["head", 0],
            face_basis=["face", 0],
            size=size,
            pictures=True,
        ),
        "film": node("CreateVideo", images=["mesh", 1], audio=["voice", 0], fps=["mesh", 6]),
        "save": node(
            "SaveVideo", video=["film", 0], filename_prefix="mesh", format="mp4", codec="h264"
        ),
    }
