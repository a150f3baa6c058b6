"""A speaker's clips in one safetensors file, and the manifest that vouches for all files.

Sound is 16 bits, truths over time are float16 (a thousandth of a millimetre on the face), the rest
is JSON in the metadata. Knows nothing about how clips are made.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagineid_core.checkpoint import write_whole
from imagineid_core.corpus.clip import Clip, Phoneme
from imagineid_core.corpus.shard_folder import (
    FORMAT_VERSION,
    MANIFEST,
    ShardRecord,
    hash_of_corpus,
    shard_path,
    sorted_header,
)
from imagineid_core.corpus.talker.sentences import SPLITS
from imagineid_core.errors import InputError
from imagineid_core.values import MotionTrack, Speech


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a corpus folder holds; `recipe` is all that decides what its clips are.

    `num_speakers` counts those of all splits; of a partial corpus only those of `splits` are made.
    """

    recipe: dict[str, Any]
    num_speakers: int
    shards: dict[str, ShardRecord]
    splits: tuple[str, ...] = tuple(SPLITS)

    @property
    def corpus_hash(self) -> str:
        """Of the recipe and every shard: names a corpus in the record of what was trained on it."""
        return hash_of_corpus(self.recipe, self.shards)


def write_shard(
    folder: Path, name: str, clips: Sequence[Clip], about: Mapping[str, Any]
) -> ShardRecord:
    """Write a speaker's clips whole or not at all; the same clips give the same bytes."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    records = []
    for clip in clips:
        tensors |= {f"{clip.name}.{key}": value for key, value in _tensors_of(clip).items()}
        records.append(_facts_of(clip))
    metadata = {
        "format_version": str(FORMAT_VERSION),
        "about": json.dumps(dict(about), sort_keys=True),
        "clips": json.dumps(records),
    }
    content = sorted_header(save(tensors, metadata=metadata))
    write_whole(shard_path(folder, name), content)
    return ShardRecord(
        sha256=hashlib.sha256(content).hexdigest(),
        num_bytes=len(content),
        items=tuple(clip.name for clip in clips),
    )


def read_clip(path: Path, name: str) -> Clip:
    """One clip of a shard that was checked; only its own tensors are read."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt", device="cpu") as file:
        facts = next(
            facts for facts in json.loads(file.metadata()["clips"]) if facts["name"] == name
        )
        tensors = {
            key: file.get_tensor(f"{name}.{key}")
            for key in ("waveform", "shape", "lip_expression", "expression", "pose", "blink")
        }
    return _clip_from(facts, tensors)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    document = {
        "format_version": FORMAT_VERSION,
        "corpus": "talker",
        "hash": manifest.corpus_hash,
        "num_speakers": manifest.num_speakers,
        "splits": list(manifest.splits),
        "recipe": manifest.recipe,
        "shards": {
            name: {
                "sha256": record.sha256,
                "num_bytes": record.num_bytes,
                "clips": list(record.items),
            }
            for name, record in sorted(manifest.shards.items())
        },
    }
    write_whole(folder / MANIFEST, (json.dumps(document, indent=1) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not there" if not folder.is_dir() else f"has no {MANIFEST}"
        raise InputError(
            f"{folder} is no talker corpus: it {what}. Make one there with "
            "'imagineid corpus talker --out FOLDER', or give another folder."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION or document["corpus"] != "talker":
            raise InputError(
                f"{path} has format version {document['format_version']} of a "
                f"'{document['corpus']}' corpus but this code reads {FORMAT_VERSION} of 'talker'. "
                "Make the corpus again."
            )
        shards = {
            name: ShardRecord(
                sha256=record["sha256"],
                num_bytes=record["num_bytes"],
                items=tuple(record["clips"]),
            )
            for name, record in document["shards"].items()
        }
        return Manifest(
            recipe=document["recipe"],
            num_speakers=document["num_speakers"],
            shards=shards,
            splits=tuple(document.get("splits", SPLITS)),  # older manifests are of whole corpora
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not readable as a manifest ({error!r}). It may be cut off: delete it and "
            "run the same build again."
        ) from error


def _tensors_of(clip: Clip) -> dict[str, Tensor]:
    assert clip.shape is not None, "a synthetic clip knows everything"
    assert clip.motion is not None
    assert clip.lip_expression is not None
    assert clip.expression is not None
    return {
        "waveform": (clip.speech.waveform.clamp(-1, 1) * 32767).round().to(torch.int16),
        "shape": clip.shape,
        "lip_expression": clip.lip_expression.half(),
        "expression": clip.expression.half(),
        "pose": clip.motion.pose.half(),
        "blink": clip.motion.blink.half(),
    }


def _facts_of(clip: Clip) -> dict[str, Any]:
    assert clip.phonemes is not None
    return {
        "name": clip.name,
        "speaker": clip.speaker,
        "text": clip.text,
        "style": clip.style,
        "intensity": clip.intensity,
        "fps": str(clip.speech.fps),
        "num_frames": clip.speech.num_frames,
        "phonemes": [[sound.symbol, sound.start, sound.end] for sound in clip.phonemes],
    }


def _clip_from(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Clip:
    fps = Fraction(facts["fps"])
    return Clip(
        name=facts["name"],
        speech=Speech(
            waveform=tensors["waveform"].float() / 32767, fps=fps, num_frames=facts["num_frames"]
        ),
        speaker=facts["speaker"],
        text=facts["text"],
        style=facts["style"],
        intensity=facts["intensity"],
        phonemes=tuple(
            Phoneme(symbol=symbol, start=start, end=end) for symbol, start, end in facts["phonemes"]
        ),
        shape=tensors["shape"],
        lip_expression=tensors["lip_expression"].float(),
        expression=tensors["expression"].float(),
        motion=MotionTrack(pose=tensors["pose"].float(), blink=tensors["blink"].float(), fps=fps),
    )
