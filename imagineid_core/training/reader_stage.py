"""Trains the face reader on portraits whose landmarks are known.

    L = |x - x-hat| / eyes + 0.05 CE(map, Gaussian at x) + 0.5 BCE(face)

The distance is over that between the eyes, lips and eyes weigh twice, and the first two terms are
of faces alone. Knows nothing about where portraits come from.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from imagineid_core.face.landmarks import MOUTH, eye_distance
from imagineid_core.face.reader import NUM_LANDMARKS, FaceReader
from imagineid_core.training.reader_batches import ReaderBatch
from imagineid_core.training.stage import Stage

_SPREAD = 0.8  # cells of a map
_OF_MAPS, _OF_FACE = 0.05, 0.5
_FINE = slice(36, 68)  # eyes and lips


class ReaderStage(Stage[FaceReader]):
    """Measured by `pixels` and `between_eyes` (mean distances to the truth), the same of the mouth,
    `missed` (share of faces not seen) and `passed` (share of faceless pictures taken for a face).

    Lower is better, 0 is perfect.
    """

    def forward(self, batch: ReaderBatch) -> dict[str, Tensor]:
        read = self.learned(batch.images)
        is_face = batch.has_face > 0.5
        told = binary_cross_entropy_with_logits(read.face.float(), batch.has_face)
        places = _mean_of(is_face, self._distance(read.landmarks, batch.landmarks))
        maps = _mean_of(
            is_face, _off_map(read.maps.float(), batch.landmarks, batch.images.shape[-1])
        )
        terms = {
            "loss": places + _OF_MAPS * maps + _OF_FACE * told,
            "places": places,
            "maps": maps,
            "face": told,
        }
        return terms if self.training else {**terms, **measures(read.landmarks, read.face, batch)}

    @staticmethod
    def _distance(landmarks: Tensor, truth: Tensor) -> Float[Tensor, " batch"]:
        weights = torch.ones(NUM_LANDMARKS, device=truth.device)
        weights[_FINE] = 2
        off = (landmarks - truth).abs().sum(dim=-1) * weights / weights.sum()
        return off.sum(dim=1) / eye_distance(truth)


def measures(
    landmarks: Float[Tensor, "batch landmarks 2"], face: Float[Tensor, " batch"], batch: ReaderBatch
) -> dict[str, Float[Tensor, ""]]:
    """Distances over all faces, those that were not seen included."""
    is_face = batch.has_face > 0.5
    off = (landmarks - batch.landmarks).norm(dim=-1)
    seen = (face > 0).float()
    return {
        "pixels": _mean_of(is_face, off.mean(dim=1)),
        "between_eyes": _mean_of(is_face, off.mean(dim=1) / eye_distance(batch.landmarks)),
        "mouth_pixels": _mean_of(is_face, off[:, MOUTH].mean(dim=1)),
        "missed": _mean_of(is_face, 1 - seen),
        "passed": _mean_of(~is_face, seen),
    }


def _off_map(
    maps: Float[Tensor, "batch landmarks rows columns"], truth: Tensor, size: int
) -> Float[Tensor, " batch"]:
    """Cross-entropy of the maps to a bell round the truth, less the bell's own."""
    rows, columns = maps.shape[-2:]
    centres = (
        torch.arange(columns, device=maps.device) + 0.5,
        torch.arange(rows, device=maps.device) + 0.5,
    )
    places = truth * truth.new_tensor([columns / size, rows / size])
    across, down = (
        torch.exp(-((centre - places[..., axis, None]) ** 2) / (2 * _SPREAD**2))
        for axis, centre in enumerate(centres)
    )
    bell = down[..., :, None] * across[..., None, :]
    bell = (bell / bell.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)).flatten(2)
    own = -(bell * bell.clamp_min(1e-12).log()).sum(dim=-1)
    return (-(bell * maps.flatten(2).log_softmax(dim=-1)).sum(dim=-1) - own).mean(dim=1)


def _mean_of(chosen: Tensor, values: Tensor) -> Float[Tensor, ""]:
    """0 where none is chosen."""
    return (values * chosen).sum() / chosen.sum().clamp_min(1)
