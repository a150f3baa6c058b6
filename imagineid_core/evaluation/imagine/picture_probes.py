"""The two probes of generated pictures: how far a mouth is open, and which emotion a face shows.

Both learn from rendered portraits of a people corpus and are judged on people they never saw.
Knows nothing about what the generator was told.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss

from imagineid_core.checkpoint import fill, read_tensors, write_whole
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.evaluation.imagine.crop_probe import (
    CropProbe,
    CropProbeConfig,
    ProbeTraining,
    train_crop_probe,
)
from imagineid_core.evaluation.imagine.crops import FACE_CROP, MOUTH_CROP, crops_at
from imagineid_core.evaluation.imagine.probe_pictures import (
    STYLES,
    ProbePictures,
    joined,
    probe_pictures,
)
from imagineid_core.evaluation.imagine.small_net import Progress
from imagineid_core.evaluation.lips import Openings, correlation
from imagineid_core.training.adapter_sources import digest_of
from imagineid_core.values import FaceBasis

_MOUTH = CropProbeConfig(pixels=MOUTH_CROP.pixels, num_outputs=1)
_COEFFICIENTS = 64  # of the open face's expression
# Which emotion, and the expression itself, which says far more about a face than one of six words.
_STYLE = CropProbeConfig(pixels=FACE_CROP.pixels, num_outputs=len(STYLES) + _COEFFICIENTS, slack=6)
_SMOOTHING = 0.05  # of the classes' targets
_GAP = 0.1  # dm: openings are of this size


@dataclass(frozen=True, kw_only=True)
class ProbePlan:
    """People and steps; a tenth as many do for trying."""

    train_people: int = 1_600
    round_trips: int = 400  # of those people, through the autoencoder
    held_out_people: int = 100
    mouth: ProbeTraining = ProbeTraining(num_steps=1_000)
    style: ProbeTraining = ProbeTraining(num_steps=1_200)


@dataclass(frozen=True, kw_only=True)
class PictureProbes:
    """`figures` is how well they read people they never saw, as drawn and as decoded."""

    mouth: CropProbe
    style: CropProbe
    figures: dict[str, float]

    def openings(
        self,
        frames: Float[Tensor, "frames 3 height width"],
        landmarks: Float[Tensor, "frames landmarks 2"],
    ) -> Openings:
        """Lip gap in dm as the picture shows it; `landmarks` are those of the head at rest."""
        return _gaps_read(self.mouth, crops_at(frames, landmarks, MOUTH_CROP))

    def styles(
        self,
        frames: Float[Tensor, "frames 3 height width"],
        landmarks: Float[Tensor, "frames landmarks 2"],
    ) -> Int[Tensor, " frames"]:
        """Numbers of STYLES."""
        return _styles_read(self.style, crops_at(frames, landmarks, FACE_CROP))


def picture_probes(
    corpus: PeopleCorpus,
    vae: nn.Module,
    basis: FaceBasis,
    path: Path,
    plan: ProbePlan,
    *,
    on_progress: Any = None,
) -> PictureProbes:
    """Train both, or read from `path` those of the same autoencoder, people and plan."""
    about = (digest_of(vae), basis.name, corpus.corpus_hash, plan)
    told = hashlib.sha256(
        repr((*about, _MOUTH, _STYLE, MOUTH_CROP, FACE_CROP)).encode()
    ).hexdigest()
    if path.is_file() and (kept := _kept(path, told)) is not None:
        return kept

    def progress(what: str) -> Progress | None:
        if on_progress is None:
            return None
        return lambda done, total: on_progress(what, done, total)

    train = _spread(corpus.names("train"), plan.train_people)
    test = _spread(corpus.names("test"), plan.held_out_people)
    seen = [
        probe_pictures(corpus, train, basis, vae=None, on_progress=progress("portraits")),
        probe_pictures(
            corpus, _spread(train, plan.round_trips), basis, vae=vae, disturbed=True,
            on_progress=progress("portraits decoded"),
        ),
    ]  # fmt: skip
    pictures = joined([seen[0], *_often(seen[1], len(seen[0].gaps))])
    mouth = train_crop_probe(
        _MOUTH, pictures.mouths, pictures.gaps, _gap_loss, plan.mouth,
        on_progress=progress("mouth probe"),
    )  # fmt: skip
    style = train_crop_probe(
        _STYLE, pictures.faces, _style_truth(pictures), _style_loss, plan.style,
        on_progress=progress("style probe"),
    )  # fmt: skip
    decoded = probe_pictures(corpus, test, basis, vae=vae, on_progress=progress("people held out"))
    drawn = probe_pictures(corpus, test, basis, vae=None)
    probes = PictureProbes(
        mouth=mouth,
        style=style,
        figures={
            **_figures(mouth, style, decoded, ""),
            **_figures(mouth, style, drawn, "_as_drawn"),
            "probe_people": float(len(train)),
            "probe_people_held_out": float(len(test)),
        },
    )
    _keep(path, probes, told)
    return probes


def _figures(
    mouth: CropProbe, style: CropProbe, pictures: ProbePictures, suffix: str
) -> dict[str, float]:
    read = _gaps_read(mouth, pictures.mouths.float() / 127.5 - 1)
    named = _styles_read(style, pictures.faces.float() / 127.5 - 1)
    right = named == pictures.styles
    return {
        f"probe_r{suffix}": correlation(read, pictures.gaps.numpy()),
        f"style_probe_portraits{suffix}": float(right.float().mean()),
    }


def _gaps_read(probe: CropProbe, crops: Tensor) -> Openings:
    return probe.read(crops)[:, 0].numpy() * _GAP


def _gap_loss(read: Tensor, gaps: Tensor) -> Tensor:
    return smooth_l1_loss(read[:, 0], gaps / _GAP, beta=0.2)


def _styles_read(probe: CropProbe, crops: Tensor) -> Int[Tensor, " crops"]:
    return probe.read(crops)[:, : len(STYLES)].argmax(dim=1)


def _style_truth(pictures: ProbePictures) -> Float[Tensor, "rows truths"]:
    """The number of the style, then the expression in standard deviations."""
    expressions = pictures.expressions
    spread = expressions.std(dim=0).clamp_min(1e-3)
    scaled = (expressions - expressions.mean(dim=0)) / spread
    return torch.cat([pictures.styles[:, None].float(), scaled], dim=1)


def _style_loss(read: Tensor, truth: Tensor) -> Tensor:
    named, expression = read[:, : len(STYLES)], read[:, len(STYLES) :]
    told = cross_entropy(named, truth[:, 0].long(), label_smoothing=_SMOOTHING)
    return told + mse_loss(expression, truth[:, 1:])


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """At most so many of them, evenly over the whole."""
    if len(names) <= most:
        return names
    return [names[int(place)] for place in np.linspace(0, len(names) - 1, most)]


def _often(pictures: ProbePictures, count: int) -> list[ProbePictures]:
    """Repeated until there are about as many as of the others."""
    return [pictures] * max(1, round(count / len(pictures.gaps)))


def _keep(path: Path, probes: PictureProbes, told: str) -> None:
    from safetensors.torch import save

    state = {
        f"{name}.{key}": value.contiguous()
        for name, net in (("mouth", probes.mouth), ("style", probes.style))
        for key, value in net.state_dict().items()
    }
    metadata = {"made_with": told, "figures": json.dumps(probes.figures)}
    write_whole(path, save(state, metadata=metadata))


def _kept(path: Path, told: str) -> PictureProbes | None:
    metadata, state = read_tensors(path)
    if metadata.get("made_with") != told:
        return None
    nets = {}
    for name, config in (("mouth", _MOUTH), ("style", _STYLE)):
        own = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
        nets[name] = CropProbe(config)
        fill(nets[name], own, source=path.name)
        nets[name].eval()
    return PictureProbes(**nets, figures=json.loads(metadata["figures"]))
