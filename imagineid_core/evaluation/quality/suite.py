"""The networks under test, and which files they are. Knows nothing about what is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from imagineid_core.assets.suite import (
    IMAGINE,
    LISTEN,
    READ,
    check_suite,
    file_name,
    sha256_of,
    weight_hashes,
)
from imagineid_core.evaluation.imagine.voices import Listener
from imagineid_core.face.reader import ARCHITECTURE, FaceReader, load_face_reader
from imagineid_core.imagine.adapters import Adapters, find_adapters, load_adapters
from imagineid_core.imagine.recommended import RECOMMENDED
from imagineid_core.imagine.stable_diffusion import StableDiffusion, load_stable_diffusion
from imagineid_core.listen.pad import load_pad
from imagineid_core.motion.head_pose import find_head_motion

Place = str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """`reader`: the shipped one, which looks at films. `about`: SHA-256 of every file that decides
    a number, by suite and name."""

    model: StableDiffusion
    adapters: Adapters
    listener: Listener
    reader: FaceReader
    about: Mapping[str, str] = field(default_factory=dict)


def load_suite(model: Place | None = None, weights: Place | None = None) -> Suite:
    """The shipped networks, or those of a model's folder with its adapters, and PAD's."""
    place = check_suite(IMAGINE) if model is None else Path(model)
    heard = check_suite(LISTEN) if weights is None else Path(weights)
    reading = check_suite(READ)
    diffusion = load_stable_diffusion(place)
    has_adapters = bool(find_adapters(place))
    about = {f"{IMAGINE}/{name}": digest for name, digest in weight_hashes(place).items()}
    if (place / RECOMMENDED).is_file():
        about[f"{IMAGINE}/{RECOMMENDED}"] = sha256_of(place / RECOMMENDED)
    about |= {f"{READ}/{name}": digest for name, digest in weight_hashes(reading).items()}
    about |= {f"{LISTEN}/{name}": digest for name, digest in weight_hashes(heard).items()}
    return Suite(
        model=diffusion,
        adapters=load_adapters(place, diffusion) if has_adapters else Adapters(),
        reader=load_face_reader(reading / file_name(ARCHITECTURE)),
        listener=Listener(pad=load_pad(heard), head=find_head_motion(heard)),
        about=about,
    )
