"""Make a corpus of pictured people on disk, person by person the same, in blocks of 25.

Knows nothing about how a person is drawn or read back.
"""

from dataclasses import asdict
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor, contiguous_format

from imagineid_core.corpus.people.pictures import PersonPictures, draw_pictures, person_name
from imagineid_core.corpus.shard_folder import (
    FolderManifest,
    Progress,
    ShardRecord,
    build_folder,
    write_shard,
)
from imagineid_core.errors import InputError

KIND = "people"
RECIPE_VERSION = 1  # of all that decides what a person looks like; raise it when pictures change
PEOPLE_A_SHARD = 25
_MOST_PEOPLE, _MOST_FRAMES = 100_000, 100
_SIZES = (32, 512)  # pixels
PICTURES = ("portrait", "mesh_frame", "matte", "mouth_mask", "clean_plate", "mouth_box")
PERSONAL = ("shape", "texture", "lighting")  # coefficients that stay the same in every frame
MOVING = ("expression", "pose")


def build_people_corpus(
    folder: str | PathLike[str],
    *,
    num_people: int = 5_000,
    num_frames: int = 3,
    size: int = 128,
    seed: int = 0,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> FolderManifest:
    """Make what `folder` does not hold yet; `on_progress` gets people done and people in all.

    A folder may grow by more people; all else is fixed.
    """
    _check(num_people, num_frames, size, seed)
    recipe = {
        "version": RECIPE_VERSION,
        "seed": seed,
        "num_frames": num_frames,
        "size": size,
    }
    wanted = {
        _shard_name(first): tuple(
            person_name(k) for k in range(first, min(first + PEOPLE_A_SHARD, num_people))
        )
        for first in range(0, num_people, PEOPLE_A_SHARD)
    }
    numbers = {name: (int(items[0][1:]), len(items)) for name, items in wanted.items()}
    return build_folder(
        Path(folder),
        partial(_make_shard, numbers=numbers, seed=seed, num_frames=num_frames, size=size),
        kind=KIND,
        recipe=recipe,
        wanted=wanted,
        workers=workers,
        on_progress=on_progress,
    )


def _make_shard(
    folder: Path,
    shard: str,
    *,
    numbers: dict[str, tuple[int, int]],
    seed: int,
    num_frames: int,
    size: int,
) -> ShardRecord:
    first, count = numbers[shard]
    people = [draw_pictures(seed, first + k, num_frames, size) for k in range(count)]
    tensors: dict[str, Tensor] = {}
    for person in people:
        tensors |= {f"{person.name}.{key}": value for key, value in _tensors_of(person).items()}
    return write_shard(
        folder,
        shard,
        tensors,
        items=[person.name for person in people],
        about={person.name: _facts_of(person) for person in people},
    )


def _tensors_of(person: PersonPictures) -> dict[str, Tensor]:
    coefficients = person.coefficients
    tensors = {
        **{name: getattr(person, name) for name in PICTURES},
        "landmarks": person.landmarks.half(),
        **{name: getattr(coefficients, name)[0] for name in PERSONAL},
        **{name: getattr(coefficients, name) for name in MOVING},
    }
    # Alone in memory: safetensors refuses views.
    return {name: tensor.clone(memory_format=contiguous_format) for name, tensor in tensors.items()}


def _facts_of(person: PersonPictures) -> dict[str, Any]:
    return {
        "caption": person.caption,
        "attributes": asdict(person.attributes),
        "styles": person.styles,
        "follows": person.follows,
    }


def _shard_name(first: int) -> str:
    return f"people_{first:06d}"


def _check(num_people: int, num_frames: int, size: int, seed: int) -> None:
    if not 3 <= num_people <= _MOST_PEOPLE:
        raise InputError(
            f"num_people is {num_people} but must lie in 3 ... {_MOST_PEOPLE}: training, "
            "validation and test need a person each. 5000 are a full corpus."
        )
    if not 1 <= num_frames <= _MOST_FRAMES:
        raise InputError(
            f"num_frames is {num_frames} but must lie in 1 ... {_MOST_FRAMES}. Three are enough "
            "for an identity frame and two neighbours."
        )
    if not _SIZES[0] <= size <= _SIZES[1] or size % 8:
        raise InputError(
            f"size is {size} but must be a multiple of 8 in {_SIZES[0]} ... {_SIZES[1]}. "
            "The mini suite takes 128."
        )
    if seed < 0:
        raise InputError(f"seed is {seed}. Give a whole number from 0 up.")
