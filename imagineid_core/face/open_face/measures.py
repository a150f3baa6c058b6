"""What can be read off a moving face: how far apart the lips are, how far the eyes are open.

Works on any basis with iBUG landmarks. Knows nothing about what moved it.
"""

from jaxtyping import Float
from torch import Tensor

from imagineid_core.values import FaceBasis

_LIP_MIDDLES = (62, 66)  # inner lips
_LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))


def lip_gap(
    vertices: Float[Tensor, "batch vertices 3"], basis: FaceBasis
) -> Float[Tensor, " batch"]:
    """Height of the opening in the middle of the mouth, in dm; 0 when the lips touch."""
    upper, lower = (vertices[:, basis.landmarks[mark]] for mark in _LIP_MIDDLES)
    return (upper - lower).norm(dim=-1)


def eye_opening(
    vertices: Float[Tensor, "batch vertices 3"], basis: FaceBasis
) -> Float[Tensor, " batch"]:
    """Height between the lids, the mean of four places and of both eyes, in dm.

    Shut lids overlap a little, so the value passes below 0.
    """
    gaps = [
        (vertices[:, basis.landmarks[upper]] - vertices[:, basis.landmarks[lower]])[:, 1]
        for upper, lower in _LID_PAIRS
    ]
    return sum(gaps[1:], gaps[0]) / len(gaps)
