"""Short films of one voice, one a seed: what a user sees, read off the frames without a network.

Alg. 1 as the suite recommends it. A round is a seed. Knows nothing about records.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.imagine.backgrounds import still_background
from imagineid_core.evaluation.imagine.crops import MOUTH_CROP, crops_at
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker, KeptClip, clip_config
from imagineid_core.evaluation.imagine.likeness import distances_to_first
from imagineid_core.evaluation.imagine.voices import part_of
from imagineid_core.evaluation.lips import Openings, correlation
from imagineid_core.evaluation.quality.portraits import Found
from imagineid_core.evaluation.quality.suite import Suite
from imagineid_core.evaluation.video.face_places import FilmMesh
from imagineid_core.evaluation.video.flicker import flicker
from imagineid_core.evaluation.video.sharpness import laplacian_variance
from imagineid_core.imagine.traced_unet import quickened
from imagineid_core.values import FaceBasis, Performance

Progress = Callable[[int, int], None]
_FIRST, _COUNT = 25, 13  # frames of the bundled voice: it speaks, and opens and shuts its mouth
_SEED = 4_000
_LATE = 4  # frames
_LUMA = (0.299, 0.587, 0.114)
_REGIONS = ("mouth", "face")
_ROWS, _COLUMNS = slice(7, 31), slice(6, 30)  # of the mouth's crop: lips, and no nose


def films(
    suite: Suite,
    performance: Performance,
    basis: FaceBasis,
    rounds: int,
    *,
    num_frames: int = _COUNT,
    on_progress: Progress | None = None,
) -> Found:
    """Nothing is kept: films that were made before would hide what changed since."""
    spoken = part_of(performance, _FIRST, num_frames)
    model = quickened(suite.model)
    recommended = model.recommended
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        maker = ClipMaker(
            model=model,
            adapters=suite.adapters,
            basis=basis,
            folder=Path(folder),
            made_with="",
            on_progress=_told(on_progress, rounds * num_frames),
        )
        clips = [
            maker.clip(
                f"seed_{number}",
                spoken,
                clip_config(
                    _SEED + number,
                    recommended.num_steps,
                    recommended.guidance,
                    recommended.guided_share,
                    recommended.settles,
                ),
            )
            for number in range(rounds)
        ]
        found = _looked_at(clips, spoken, basis, maker.size)
        grounds = [still_background(maker.host(spoken), clip) for clip in clips]
    if all(one is not None for one in grounds):
        blended = [float(one.blended.mean()) for one in grounds if one is not None]
        plain = [float(one.plain.mean()) for one in grounds if one is not None]
        found["background_psnr"] = blended
        found["background_gain"] = [b - p for b, p in zip(blended, plain, strict=True)]
    return found


def _looked_at(
    clips: list[KeptClip], performance: Performance, basis: FaceBasis, size: int
) -> Found:
    regions = FilmMesh(performance, basis, height=size, width=size).see(slice(None))[1]
    regions = {name: regions[name] for name in _REGIONS}
    firsts = torch.cat([clip.frames[:1] for clip in clips])
    found: Found = {name: [] for name in ("mouth_follows", "first_jump", "drift")}
    for number, clip in enumerate(clips):
        frames = clip.frames
        found["mouth_follows"].append(mouth_follows(frames[1:], clip.landmarks[1:], clip.gaps[1:]))
        found["first_jump"].append(float(distances_to_first(frames[:2])[0]))
        found["drift"].append(float(distances_to_first(frames[1:])[-_LATE:].mean()))
        if len(clips) > 1:
            own = firsts.roll(-number, dims=0)
            between = distances_to_first(own).mean() / distances_to_first(frames).mean()
            found.setdefault("diversity_ratio", []).append(float(between))
        for name, curve in flicker(frames, regions).items():
            found.setdefault(f"flicker_{name}", []).append(float(curve.nanmean()))
        grey, faces = _grey(frames).numpy(), regions["face"].numpy()
        sharp = [laplacian_variance(one, face) for one, face in zip(grey, faces, strict=True)]
        found.setdefault("sharpness_kept", []).append(float(np.mean(sharp[1:]) / sharp[0]))
    return found


def mouth_follows(
    frames: Float[Tensor, "frames 3 height width"],
    landmarks: Float[Tensor, "frames landmarks 2"],
    gaps: Openings,
) -> float:
    """Do mouths look alike where their meshes open alike? -1 ... 1, higher is better.

    Pearson's r over all pairs of frames: root mean square of the mouths' difference against the
    difference of the openings. Blind to what an open mouth looks like, which is each person's own.
    Crops stand where the mouth of the head at rest is: the expression moves what is in them alone.
    """
    mouths = crops_at(frames, landmarks, MOUTH_CROP)[..., _ROWS, _COLUMNS].flatten(1)
    one, other = np.triu_indices(len(mouths), 1)
    apart = (mouths[one] - mouths[other]).square().mean(dim=1).sqrt()
    return correlation(apart.numpy(), np.abs(gaps[one] - gaps[other]))


def _grey(frames: Float[Tensor, "frames 3 height width"]) -> Float[Tensor, "frames height width"]:
    levels = ((frames.double() + 1) * 127.5).round()
    return (levels * levels.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1)


def _told(on_progress: Progress | None, total: int) -> Callable[[str, int, int], None] | None:
    if on_progress is None:
        return None
    done = 0

    def told(_clip: str, _frame: int, _count: int) -> None:
        nonlocal done
        done += 1
        on_progress(done, total)

    return told
