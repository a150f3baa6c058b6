"""A judge of faces: are both eyes there, level and alike, and is the mouth whole?

Three small networks learned from renders: one finds eyes and mouth, one looks at the eyes and one
at the mouth, each taught by true patches and by spoilt ones. A face is level if the line of its
eyes and the line down to its mouth meet as they do in true faces, however the head is tilted. Knows
nothing about who made the pictures it judges.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.evaluation.imagine.face_spoiling import (
    SEEN,
    blurred,
    eye_regions,
    mouth_region,
    spoil_eyes,
    spoil_mouth,
)
from imagineid_core.evaluation.imagine.small_net import (
    Progress,
    convolutions,
    num_features,
    train_briefly,
)

SIZE = 128  # pixels of the pictures it judges; others are brought to it
PATCH = (64, 56)  # rows and columns round the middle between eyes and mouth
MARGIN = 3  # pixels by which a patch may lie off in training
_EYES = (slice(0, 28), slice(0, 56))
_MOUTH = (slice(32, 64), slice(8, 48))
_LOOKED = 64  # pixels, where eyes and mouth are looked for
_KINDS_AT_ONCE = 2
_BLUR, _NOISE, _BRIGHTNESS = 1.1, 0.02, 0.03
Images = Float[Tensor, "batch 3 height width"]
Points = Float[Tensor, "batch landmarks=68 2"]


@dataclass(frozen=True, kw_only=True)
class FaceJudgeConfig:
    locator_channels: tuple[int, ...] = (8, 16, 32)
    channels: tuple[int, ...] = (24, 48, 96)
    locator_steps: int = 300
    num_steps: int = 800
    batch_size: int = 64
    learning_rate: float = 5e-3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FaceJudge:
    """Limits are what a score must reach, or an angle must not, to pass."""

    locator: nn.Module
    eyes: nn.Module
    mouth: nn.Module
    eyes_limit: float = 0.0
    mouth_limit: float = 0.0
    tilt_limit: float = 0.1  # radians

    @torch.no_grad()
    def look(self, images: Images) -> "Looks":
        images = _of_size(images)
        places = self.locator(_looked_at(images))
        patches = patches_at(images, places)
        return Looks(
            eyes=self.eyes(patches[(..., *_EYES)])[:, 0],
            mouth=self.mouth(patches[(..., *_MOUTH)])[:, 0],
            tilt=_tilt(places),
        )

    def verdicts(self, images: Images) -> "Verdicts":
        looks = self.look(images)
        return Verdicts(
            eyes=looks.eyes >= self.eyes_limit,
            level=looks.tilt.abs() <= self.tilt_limit,
            mouth=looks.mouth >= self.mouth_limit,
        )

    def calibrated(self, real: Images, *, refused: float = 0.01) -> "FaceJudge":
        """With limits that refuse this share of true faces, each by itself."""
        looks = self.look(real)
        return dataclasses.replace(
            self,
            eyes_limit=float(looks.eyes.quantile(refused)),
            mouth_limit=float(looks.mouth.quantile(refused)),
            tilt_limit=float(looks.tilt.abs().quantile(1 - refused)),
        )


@dataclass(frozen=True, kw_only=True)
class Looks:
    eyes: Float[Tensor, " batch"]  # larger is better
    mouth: Float[Tensor, " batch"]
    tilt: Float[Tensor, " batch"]  # radians between the eyes and the face


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    eyes: Bool[Tensor, " batch"]
    level: Bool[Tensor, " batch"]
    mouth: Bool[Tensor, " batch"]

    @property
    def whole(self) -> Bool[Tensor, " batch"]:
        return self.eyes & self.level & self.mouth


def train_face_judge(
    corpus: PeopleCorpus, config: FaceJudgeConfig, *, on_progress: Progress | None = None
) -> FaceJudge:
    """Learn on the people of 'train'; the global random state is left as it was."""
    stored = [corpus.tensors(name, ("portrait", "landmarks")) for name in corpus.names("train")]
    images = torch.cat([one["portrait"] for one in stored])
    points = torch.cat([one["landmarks"].float() for one in stored]) * (SIZE / corpus.size)
    seen = [_of_size(to_image(part)) for part in images.split(64)]
    return judge_from(
        torch.cat([_looked_at(part) for part in seen]),
        torch.cat(
            [_wide_patches(part, at) for part, at in zip(seen, points.split(64), strict=True)]
        ),
        points,
        config,
        on_progress=on_progress,
    )


def judge_from(
    looked_at: Float[Tensor, "frames 3 looked looked"],
    patches: Float[Tensor, "frames 3 rows columns"],
    points: Float[Tensor, "frames landmarks=68 2"],
    config: FaceJudgeConfig,
    *,
    on_progress: Progress | None = None,
) -> FaceJudge:
    """`patches` are MARGIN larger on every side."""
    total = config.locator_steps + config.num_steps
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        locator = _Locator(config.locator_channels)
        looks = nn.ModuleDict(
            {"eyes": _looker(config.channels, _EYES), "mouth": _looker(config.channels, _MOUTH)}
        )
        train_briefly(
            locator,
            _Locating(locator, looked_at, places_of(points), config),
            num_steps=config.locator_steps,
            learning_rate=config.learning_rate,
            on_progress=None if on_progress is None else lambda done, _: on_progress(done, total),
        )
        train_briefly(
            looks,
            _Judging(looks, patches, points, config),
            num_steps=config.num_steps,
            learning_rate=config.learning_rate,
            on_progress=None
            if on_progress is None
            else lambda done, _: on_progress(config.locator_steps + done, total),
        )
    return FaceJudge(locator=locator, eyes=looks["eyes"], mouth=looks["mouth"])


def patches_at(
    images: Float[Tensor, "batch 3 size size"],
    places: Float[Tensor, "batch places=3 2"],
    *,
    margin: int = 0,
) -> Float[Tensor, "batch 3 rows columns"]:
    """Cut out round eyes and mouth, whole pixels; moved inside at the border."""
    corners = patch_corners(places, margin=margin)
    rows, columns = PATCH[0] + 2 * margin, PATCH[1] + 2 * margin
    return torch.stack(
        [
            image[:, row : row + rows, column : column + columns]
            for image, (column, row) in zip(images, corners.int().tolist(), strict=True)
        ]
    )


def patch_corners(
    places: Float[Tensor, "batch places=3 2"], *, margin: int = 0
) -> Float[Tensor, "batch 2"]:
    """Column and row of each patch's first pixel."""
    middle = (places[:, :2].mean(dim=1) + places[:, 2]) / 2
    half = torch.tensor([PATCH[1] / 2 + margin, PATCH[0] / 2 + margin])
    return torch.minimum((middle - half).round().clamp_min(0), SIZE - 2 * half)


class _Locator(nn.Module):
    """Both eyes and the mouth, column and row in pixels of SIZE."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.body = convolutions(channels)
        self.head = nn.Linear(num_features(channels, _LOOKED, _LOOKED), 6)

    def forward(
        self, looked_at: Float[Tensor, "batch 3 looked looked"]
    ) -> Float[Tensor, "batch places=3 2"]:
        return SIZE / 2 + 16 * self.head(self.body(looked_at)).unflatten(1, (3, 2))


def _looker(channels: tuple[int, ...], part: tuple[slice, slice]) -> nn.Module:
    height, width = (side.stop - side.start for side in part)
    head = nn.Linear(num_features(channels, height, width), 1)
    return nn.Sequential(convolutions(channels), nn.Dropout(0.2), head)


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    rows: Tensor
    random: np.random.Generator
    torch_random: torch.Generator


def _drawn(config: FaceJudgeConfig, step: int, count: int) -> _Drawn:
    random = np.random.default_rng([config.seed, step])
    return _Drawn(
        rows=torch.from_numpy(random.integers(count, size=config.batch_size)),
        random=random,
        torch_random=torch.Generator().manual_seed(config.seed * 1_000_003 + step),
    )


class _Locating:
    """The loss of a step: how far places are from the truth, in sixteenths of a face."""

    def __init__(
        self, net: nn.Module, looked_at: Tensor, places: Tensor, config: FaceJudgeConfig
    ) -> None:
        self._net, self._looked_at, self._places, self._config = net, looked_at, places, config

    def __call__(self, step: int) -> Tensor:
        drawn = _drawn(self._config, step, len(self._places))
        seen, places = self._looked_at[drawn.rows], self._places[drawn.rows]
        if drawn.random.random() < 0.5:  # a mirror image: the eyes change places
            seen = seen.flip(-1)
            places = torch.stack([SIZE - places[..., 0], places[..., 1]], dim=-1)[:, [1, 0, 2]]
        wrong = self._net(_softened(seen, drawn.torch_random)) - places
        return (wrong / 8).square().mean()


class _Judging:
    """The loss of a step: half of the patches are true, half are spoilt in eyes and mouth."""

    def __init__(
        self, nets: nn.ModuleDict, patches: Tensor, points: Tensor, config: FaceJudgeConfig
    ) -> None:
        self._nets, self._patches, self._config = nets, patches, config
        self._points = points - patch_corners(places_of(points), margin=MARGIN)[:, None]

    def __call__(self, step: int) -> Tensor:
        config = self._config
        drawn = _drawn(config, step, len(self._patches))
        at = drawn.random.integers(2 * MARGIN + 1, size=2)
        window = (slice(at[1], at[1] + PATCH[0]), slice(at[0], at[0] + PATCH[1]))
        patches = self._patches[drawn.rows][(..., *window)]
        points = self._points[drawn.rows] - torch.from_numpy(at).float()
        half = config.batch_size // 2
        kinds = [
            drawn.random.choice(SEEN[part], _KINDS_AT_ONCE).tolist() for part in ("eyes", "mouth")
        ]
        eyes, mouth = [patches[:half]], [patches[:half]]
        counted = [torch.ones(2, half, dtype=torch.bool)]
        parts = zip(
            patches[half:].chunk(_KINDS_AT_ONCE), points[half:].chunk(_KINDS_AT_ONCE), strict=True
        )
        for (some, there), of_eyes, of_mouth in zip(parts, *kinds, strict=True):
            spoilt = spoil_eyes(some, there, of_eyes, drawn.torch_random)
            spoilt_mouth = spoil_mouth(some, there, of_mouth, drawn.torch_random)
            eyes.append(spoilt.patches)
            mouth.append(spoilt_mouth.patches)
            counted.append(torch.stack([spoilt.is_spoilt, spoilt_mouth.is_spoilt]))
        is_true = (torch.arange(config.batch_size) < half).float()
        flips = [-1] if drawn.random.random() < 0.5 else []
        losses = []
        for name, shown, part, counts in zip(
            ("eyes", "mouth"),
            (eyes, mouth),
            (_EYES, _MOUTH),
            torch.cat(counted, dim=1),
            strict=True,
        ):
            seen = _softened(torch.cat(shown)[(..., *part)].flip(flips), drawn.torch_random)
            score = self._nets[name](seen)[:, 0]
            losses.append(
                binary_cross_entropy_with_logits(score, is_true, counts.float(), reduction="sum")
                / counts.sum()
            )
        return torch.stack(losses).sum()


def _softened(images: Tensor, draw: torch.Generator) -> Tensor:
    """As an autoencoder may soften them, a little brighter or darker, with a little noise."""
    amount = torch.rand(len(images), 1, 1, 1, generator=draw)
    soft = images + amount * (blurred(images, _BLUR) - images)
    soft = soft + _BRIGHTNESS * torch.randn(len(images), 3, 1, 1, generator=draw)
    soft = soft + _NOISE * torch.randn(images.shape, generator=draw)
    return soft.contiguous(memory_format=torch.channels_last)


def places_of(points: Points) -> Float[Tensor, "batch places=3 2"]:
    """Middles of both eyes and of the mouth."""
    parts: Sequence[Tensor] = [one.centre for one in (*eye_regions(points), mouth_region(points))]
    return torch.stack(list(parts), dim=1)


def _tilt(places: Float[Tensor, "batch places=3 2"]) -> Float[Tensor, " batch"]:
    across = places[:, 1] - places[:, 0]
    down = places[:, 2] - places[:, :2].mean(dim=1)
    along, off = (across * down).sum(dim=1), across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    return torch.atan2(along, off)  # 0 where the two are at right angles


def _looked_at(images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 small small"]:
    return interpolate(images, size=(_LOOKED, _LOOKED), mode="area")


def _wide_patches(images: Images, points: Points) -> Tensor:
    return patches_at(images, places_of(points), margin=MARGIN)


def _of_size(images: Images) -> Float[Tensor, "batch 3 size size"]:
    if images.shape[-1] == SIZE:
        return images
    return interpolate(images, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
