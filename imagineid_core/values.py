"""The nouns of the paper as frozen values with shapes (Sec. 3, supplement 0.1).

One value leaves each stage and enters the next. Nothing here computes, checks or loads.
"""

from dataclasses import dataclass
from fractions import Fraction

from jaxtyping import Bool, Float, Int
from torch import Tensor

SAMPLE_RATE = 16_000  # Hz; every waveform inside core
PAPER_FPS = Fraction(25)  # video frames per second


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A voice as the networks hear it: mono, 16 kHz, [-1, 1], `num_frames` video frames long."""

    waveform: Float[Tensor, " samples"]
    fps: Fraction
    num_frames: int


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the voice says about the face: geometry alpha and semantics theta_id (Eq. 1-2)."""

    shape: Float[Tensor, "batch shape"]
    semantics: Float[Tensor, "batch semantics"]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is said, frame by frame: linguistic features l-bar and lip expression l (Eq. 4-5)."""

    linguistic: Float[Tensor, "batch frames linguistic"]
    lip_expression: Float[Tensor, "batch frames expression"]


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """How it is said: style theta_e and the full expression beta (Eq. 6-7).

    `style` has one row for the whole clip, or one row a frame (a slowly varying track).
    """

    style: Float[Tensor, "batch spans style"]
    expression: Float[Tensor, "batch frames expression"]


@dataclass(frozen=True, kw_only=True)
class MotionTrack:
    """Head pose and blink over time.

    `pose`: rotation about x, y, z in radians (pitch, yaw, roll), then translation x, y, z in dm.
    `blink`: 0 open ... 1 closed, left and right eye alike.
    """

    pose: Float[Tensor, "frames pose=6"]
    blink: Float[Tensor, " frames"]
    fps: Fraction


@dataclass(frozen=True, kw_only=True)
class Performance:
    """What a face does in a clip and whose face it is; None where no network told."""

    shape: Float[Tensor, " shape"] | None  # alpha
    semantics: Float[Tensor, " semantics"] | None  # theta_id
    style: Float[Tensor, "spans style"] | None  # theta_e, one row or one a frame at 25 fps
    lip_expression: Float[Tensor, "frames expression"] | None  # l
    expression: Float[Tensor, "frames expression"]  # beta
    motion: MotionTrack


@dataclass(frozen=True, kw_only=True)
class FaceCoefficients:
    """3DMM coefficients, one row a frame: alpha, beta, delta, gamma, p (supplement Eq. 1).

    `lighting`: nine spherical-harmonics bands of red, then of green, then of blue.
    `pose`: as in `MotionTrack`.
    """

    shape: Float[Tensor, "batch shape"]
    expression: Float[Tensor, "batch expression"]
    texture: Float[Tensor, "batch texture"]
    lighting: Float[Tensor, "batch lighting=27"]
    pose: Float[Tensor, "batch pose=6"]


@dataclass(frozen=True, kw_only=True)
class FaceBasis:
    """A linear face: mean and bases, triangles, landmarks and regions (supplement Eq. 2).

    Unit 1 dm, x to the viewer's right, y up, z toward the viewer, centred on the face; triangles
    are counter-clockwise seen from outside; albedo is RGB in [0, 1]. All indices count from 0.
    """

    name: str
    mean_vertices: Float[Tensor, "vertices 3"]
    shape_basis: Float[Tensor, "vertices 3 shape"]
    expression_basis: Float[Tensor, "vertices 3 expression"]
    mean_albedo: Float[Tensor, "vertices 3"]
    texture_basis: Float[Tensor, "vertices 3 texture"]
    triangles: Int[Tensor, "triangles 3"]
    landmarks: Int[Tensor, " landmarks"]  # 68 vertex indices in iBUG order
    mouth: Bool[Tensor, " vertices"]  # lips and what lies behind them
    eyes: Bool[Tensor, " vertices"]  # lids and eyeballs
    front: Bool[Tensor, " vertices"]  # the face without ears, neck and scalp
    blink_expression: Float[Tensor, " expression"] | None = None  # shuts both eyes, if any does


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A batch of posed meshes ready to render: one topology, one row a frame.

    World space: right-handed, x right, y up, z toward the viewer, 1 dm; the camera stands at
    z = 10 and looks along -z, so depth is 10 - z. `normals` have unit length and point outward.
    """

    vertices: Float[Tensor, "batch vertices 3"]
    normals: Float[Tensor, "batch vertices 3"]
    albedo: Float[Tensor, "batch vertices 3"]  # RGB in [0, 1]
    irradiance: Float[Tensor, "batch vertices 3"]  # light arriving per channel; colour = product
    triangles: Int[Tensor, "triangles 3"]
    landmarks: Int[Tensor, " landmarks"]
    mouth: Bool[Tensor, " vertices"]
    front: Bool[Tensor, " vertices"]
