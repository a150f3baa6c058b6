"""Which vertices of an ICT-FaceKit mesh are skin, teeth, eyeballs and so on.

The kit orders its vertices by part. Knows nothing about files.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

Span = tuple[int, int]  # first vertex, one past the last


@dataclass(frozen=True, kw_only=True)
class IctParts:
    """Spans of the kit's 26,719 vertices.

    Not listed, and dropped: the inner eyeballs that carry the iris in the kit's own renderer (we
    paint it on the outer ones), tear fluid, eye shadow shells and lashes, which need transparency.
    """

    narrow_face: Span = (0, 6706)
    face: Span = (0, 9409)
    head_and_neck: Span = (9409, 11248)
    mouth_socket: Span = (11248, 13294)
    eye_sockets: Span = (13294, 14062)
    gums: Span = (14062, 17039)  # and tongue
    teeth: Span = (17039, 21451)
    left_eyeball: Span = (21451, 22221)  # the person's left: x > 0
    right_eyeball: Span = (23021, 23791)

    @property
    def num_vertices(self) -> int:
        """How many vertices a mesh needs at least."""
        return max(stop for _, stop in self._spans())

    def kept(self, num_vertices: int) -> Int[np.ndarray, " kept"]:
        """The vertices of all parts, ascending."""
        listed = np.zeros(num_vertices, dtype=bool)
        for start, stop in self._spans():
            listed[start:stop] = True
        return np.flatnonzero(listed)

    def mask(self, *spans: Span) -> Bool[Tensor, " kept"]:
        """Which of the kept vertices lie in any of these spans."""
        kept = self.kept(self.num_vertices)
        inside = [(kept >= start) & (kept < stop) for start, stop in spans]
        return torch.from_numpy(np.logical_or.reduce(inside))

    def _spans(self) -> tuple[Span, ...]:
        return (
            self.face,
            self.head_and_neck,
            self.mouth_socket,
            self.eye_sockets,
            self.gums,
            self.teeth,
            self.left_eyeball,
            self.right_eyeball,
        )
