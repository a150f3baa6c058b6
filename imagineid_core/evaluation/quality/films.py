"""Short films of one voice, one a seed: what a user sees, read off the frames.

Alg. 1 as the suite recommends it. A round is a seed. What mouths and faces do is read by the
shipped face reader, which never heard what they were asked for. Knows nothing about records.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.imagine.backgrounds import still_background
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker, clip_config
from imagineid_core.evaluation.imagine.likeness import distances_to_first
from imagineid_core.evaluation.imagine.voices import part_of
from imagineid_core.evaluation.lips import correlation
from imagineid_core.evaluation.quality.portraits import Found
from imagineid_core.evaluation.quality.suite import Suite
from imagineid_core.evaluation.video.face_places import FilmMesh
from imagineid_core.evaluation.video.flicker import flicker
from imagineid_core.evaluation.video.sharpness import laplacian_variance
from imagineid_core.face.landmarks import eye_distance, mouth_opening
from imagineid_core.face.reader import FaceReader
from imagineid_core.imagine.traced_unet import quickened
from imagineid_core.values import FaceBasis, Performance

Progress = Callable[[int, int], None]
Film = Float[Tensor, "frames 3 height width"]
_FIRST, _COUNT = 25, 13  # frames of the bundled voice: it speaks, and opens and shuts its mouth
_SEED = 4_000
_LATE = 4  # frames
_LUMA = (0.299, 0.587, 0.114)
_REGIONS = ("mouth", "face")


def films(
    suite: Suite,
    performance: Performance,
    basis: FaceBasis,
    rounds: range,
    *,
    num_frames: int = _COUNT,
    on_progress: Progress | None = None,
) -> Found:
    """Nothing is kept: films that were made before would hide what changed since."""
    spoken = part_of(performance, _FIRST, num_frames)
    model = quickened(suite.model)
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        maker = ClipMaker(
            model=model,
            adapters=suite.adapters,
            basis=basis,
            folder=Path(folder),
            made_with="",
            on_progress=_told(on_progress, len(rounds) * num_frames),
        )
        clips = [
            maker.clip(
                f"seed_{number}",
                spoken,
                clip_config(model.recommended, _SEED + number),
            )
            for number in rounds
        ]
        mesh = FilmMesh(spoken, basis, height=maker.size, width=maker.size)
        found = looked_at([clip.frames for clip in clips], mesh, suite.reader)
        grounds = [still_background(maker.host(spoken), clip) for clip in clips]
    if all(one is not None for one in grounds):
        blended = [float(one.blended.mean()) for one in grounds if one is not None]
        plain = [float(one.plain.mean()) for one in grounds if one is not None]
        found["background_psnr"] = blended
        found["background_gain"] = [b - p for b, p in zip(blended, plain, strict=True)]
    return found


def looked_at(films: Sequence[Film], mesh: FilmMesh, reader: FaceReader) -> Found:
    """Every number that takes frames alone; all films are of one mesh."""
    landmarks, regions = mesh.see(slice(None))
    asked = torch.from_numpy(landmarks).float()
    regions = {name: regions[name] for name in _REGIONS}
    firsts = torch.cat([frames[:1] for frames in films])
    names = ("mouth_follows", "face_follows", "first_jump", "drift", "sharpness_kept")
    found: Found = {name: [] for name in names}
    for number, frames in enumerate(films):
        follows = how_it_follows(frames[1:], asked[1:], reader)
        found["mouth_follows"].append(follows[0])
        found["face_follows"].append(follows[1])
        found["first_jump"].append(float(distances_to_first(frames[:2])[0]))
        found["drift"].append(float(distances_to_first(frames[1:])[-_LATE:].mean()))
        if len(films) > 1:
            own = firsts.roll(-number, dims=0)
            between = distances_to_first(own).mean() / distances_to_first(frames).mean()
            found.setdefault("diversity_ratio", []).append(float(between))
        for name, curve in flicker(frames, regions).items():
            found.setdefault(f"flicker_{name}", []).append(float(curve.nanmean()))
        grey, faces = _grey(frames).numpy(), regions["face"].numpy()
        sharp = [laplacian_variance(one, face) for one, face in zip(grey, faces, strict=True)]
        found["sharpness_kept"].append(float(np.mean(sharp[1:]) / sharp[0]))
    return found


@torch.no_grad()
def how_it_follows(
    frames: Film, asked: Float[Tensor, "frames landmarks=68 2"], reader: FaceReader
) -> tuple[float, float]:
    """Of the mouth, Pearson's r of its opening as read and as asked for, -1 ... 1, higher is
    better; of the face, the mean distance of its landmarks, over that between the eyes, 0 best.

    A picture that the reader takes for no face counts as it is read.
    """
    seen = reader(frames).landmarks
    opened = correlation(mouth_opening(seen).numpy(), mouth_opening(asked).numpy())
    off = (seen - asked).norm(dim=-1).mean(dim=1) / eye_distance(asked)
    return opened, float(off.mean())


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
