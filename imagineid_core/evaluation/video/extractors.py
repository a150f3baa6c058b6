"""Networks that a user brings to read features off frames, and the ones read from known files.

An extractor is a callable: RGB frames in [-1, 1] to one row of numbers each, NaN where it finds no
face. It comes as 'MODULE:OBJECT', OBJECT being the callable, as weights of a network known here, or
as 'mini', the face reader that is shipped.
Knows nothing about metrics.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError, WeightsError
from imagineid_core.evaluation.video.clip import digest_of
from imagineid_core.evaluation.video.inception import load_inception
from imagineid_core.evaluation.video.mini_reader import (
    MINI,
    about_mini,
    mini_reader,
    weights_of_mini,
)
from imagineid_core.evaluation.video.syncnet import SyncNet, load_syncnet
from imagineid_core.face.coefficient_vector import vector_from_coefficients
from imagineid_core.face.recon_net import ReconNet
from imagineid_core.interop.deep3d import load_recon_net, reconstruct

Frames = Float[Tensor, "batch 3 height width"]
Extractor = Callable[[Frames], Tensor]

# Slot: what its rows are.
SLOTS: Mapping[str, str] = {
    "landmarks": "68 points (column, row; pixel centres at .5), [batch, 68, 2]",
    "fid": "features for FID",
    "identity": "features of identity, for CSIM and drift",
    "age": "features, compared by cosine",
    "gender": "features, compared by cosine",
    "emotion": "features, compared by cosine",
    "emotion_classes": "probabilities of a classifier of emotions",
    "coefficients": "D3DFR's 257 coefficients",
    "head_pose": "features of the head's pose, for example degrees",
}


_MINI = ("landmarks", MINI)


@dataclass(frozen=True, kw_only=True)
class ExtractorSources:
    """Where they come from: plain words, so that other processes can load their own."""

    plugins: tuple[tuple[str, str], ...] = ()  # slot, 'MODULE:OBJECT' or 'mini' (landmarks)
    syncnet: str | None = None
    inception: str | None = None
    recon: str | None = None


@dataclass(frozen=True, kw_only=True)
class Extractors:
    """`missing`: of slots that were asked for and could not be loaded, why."""

    by_slot: Mapping[str, Extractor] = field(default_factory=dict)
    syncnet: SyncNet | None = None
    recon: ReconNet | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # slot: what it is, for reports
    missing: Mapping[str, str] = field(default_factory=dict)


def load_extractors(sources: ExtractorSources) -> Extractors:
    """All that can be loaded; weights that are not there or do not fit are told in `missing`.

    A slot that does not exist, or a plug-in that cannot be imported, is the user's mistake.
    """
    by_slot: dict[str, Extractor] = {}
    names: dict[str, str] = {}
    missing: dict[str, str] = {}
    for slot, place in sources.plugins:
        if slot not in SLOTS:
            raise InputError(
                f"there is no extractor '{slot}' (given as {place}). Use one of: "
                f"{', '.join(SLOTS)}."
            )
        is_mini = (slot, place) == _MINI
        by_slot[slot] = mini_reader() if is_mini else _plugin(slot, place)
        names[slot] = about_mini() if is_mini else place
    loaded: dict[str, nn.Module] = {}
    for slot, file, load in (
        ("syncnet", sources.syncnet, load_syncnet),
        ("fid", sources.inception, load_inception),
        ("coefficients", sources.recon, load_recon_net),
    ):
        if file is None:
            continue
        try:
            loaded[slot] = load(file)
        except WeightsError as error:
            missing[slot] = str(error)
        else:
            names[slot] = Path(file).name
    if "fid" in loaded:
        by_slot["fid"] = loaded["fid"]
    syncnet, recon = loaded.get("syncnet"), loaded.get("coefficients")
    return Extractors(
        by_slot=by_slot,
        syncnet=syncnet if isinstance(syncnet, SyncNet) else None,
        recon=recon if isinstance(recon, ReconNet) else None,
        names=names,
        missing=missing,
    )


def weights_of(sources: ExtractorSources) -> dict[str, str]:
    """SHA-256 of each file of weights that is there, by what it is for and its name."""
    files = {
        "syncnet": sources.syncnet,
        "inception": sources.inception,
        "recon": sources.recon,
        "landmarks": str(weights_of_mini()) if _MINI in sources.plugins else None,
    }
    return {
        f"{what}: {Path(file).name}": digest_of(Path(file))
        for what, file in files.items()
        if file is not None and Path(file).is_file()
    }


@torch.no_grad()
def extract(extractor: Extractor, frames: Frames, slot: str) -> np.ndarray:
    """One row a frame, float64 on the CPU; another count is an error that names the slot."""
    rows = torch.as_tensor(extractor(frames)).detach().cpu()
    if len(rows) != len(frames) or rows.ndim < 2:
        raise InputError(
            f"extractor '{slot}' gave {tuple(rows.shape)} for {len(frames)} frames. Return one row "
            "a frame, NaN where no face is found."
        )
    if slot == "landmarks" and rows.shape[1:] != (68, 2):
        raise InputError(
            f"extractor 'landmarks' gave {tuple(rows.shape[1:])} a frame. Return 68 points in iBUG "
            "order, column and row."
        )
    return rows.double().numpy()


@torch.no_grad()
def coefficients_at(
    recon: ReconNet, frames: Frames, landmarks: Float[np.ndarray, "batch landmarks=68 2"]
) -> Float[np.ndarray, "batch coefficients=257"]:
    """D3DFR's coefficients of the face at these landmarks; NaN where there is none."""
    found = np.full((len(frames), 257), np.nan)
    for number, points in enumerate(landmarks):
        if np.isfinite(points).all():
            coefficients, _ = reconstruct(recon, frames[number], torch.from_numpy(points).float())
            found[number] = vector_from_coefficients(coefficients)[0].double().numpy()
    return found


def _plugin(slot: str, place: str) -> Extractor:
    module, _, name = place.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"extractor '{slot}' cannot be loaded from '{place}' ({error}). Give MODULE:OBJECT, a "
            "module that Python finds (see PYTHONPATH) and a callable in it."
        ) from error
    extractor: Extractor = found
    if not callable(found):
        raise InputError(
            f"extractor '{slot}': {place} is {type(found).__name__}, which cannot be called. Give "
            "a function of frames."
        )
    return extractor
