"""A judge of faces: are both eyes there, level and alike, and is the mouth whole?

Three small networks learned from renders: one finds eyes and mouth, one looks at the eyes and one
at the mouth, each taught by true patches and by faulty ones, all decoded by the model's own
autoencoder. A face is level if the line of its
eyes and the line down to its mouth meet as they do in true faces, however the head is tilted. Knows
nothing about who made the pictures it judges.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.evaluation.imagine.face_faults import MELTED, faulty
from imagineid_core.evaluation.imagine.face_patches import (
    PATCH,
    SIZE,
    of_size,
    patches_at,
    places_of,
)
from imagineid_core.evaluation.imagine.face_spoiling import SEEN, blurred
from imagineid_core.evaluation.imagine.samples import Images, returned
from imagineid_core.evaluation.imagine.small_net import (
    Progress,
    behind,
    convolutions,
    num_features,
    train_briefly,
)

MARGIN = 3  # pixels by which a patch may lie off in training
_EYES = (slice(0, 28), slice(0, 56))
_MOUTH = (slice(32, 64), slice(8, 48))
_LOOKED = 64  # pixels, where eyes and mouth are looked for
_AT_ONCE = 16  # people, who have one kind of faults
_BLUR, _NOISE, _BRIGHTNESS = 1.1, 0.02, 0.03
Points = Float[Tensor, "batch landmarks=68 2"]


@dataclass(frozen=True, kw_only=True)
class FaceJudgeConfig:
    locator_channels: tuple[int, ...] = (8, 16, 32)
    channels: tuple[int, ...] = (24, 48, 96)
    locator_steps: int = 300
    num_people: int = 900  # of whom patches are made
    versions: int = 3  # with faults, of each
    num_steps: int = 2_000
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
        images = of_size(images)
        places = self.locator(_looked_at(images))
        patches = patches_at(images, places)
        return Looks(
            eyes=_score(self.eyes, patches[(..., *_EYES)]),
            mouth=_score(self.mouth, patches[(..., *_MOUTH)]),
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
    corpus: PeopleCorpus,
    vae: nn.Module,
    config: FaceJudgeConfig,
    *,
    on_progress: Progress | None = None,
) -> FaceJudge:
    """Learn on the people of 'train' as `vae` gives them back; the global random state is left as
    it was."""
    total = config.num_people + config.locator_steps + config.num_steps

    told = partial(behind, on_progress, total=total)
    stored = [corpus.tensors(name, ("portrait", "landmarks")) for name in corpus.names("train")]
    images = torch.cat([one["portrait"] for one in stored])
    points = torch.cat([one["landmarks"].float() for one in stored]) * (SIZE / corpus.size)
    looked_at = [_looked_at(of_size(to_image(part))) for part in images.split(64)]
    patches = judged_patches(corpus, vae, config, on_progress=told(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        locator = _Locator(config.locator_channels)
        looks = nn.ModuleDict(
            {"eyes": _looker(config.channels, _EYES), "mouth": _looker(config.channels, _MOUTH)}
        )
        train_briefly(
            locator,
            _Locating(locator, torch.cat(looked_at), places_of(points), config),
            num_steps=config.locator_steps,
            learning_rate=config.learning_rate,
            on_progress=told(config.num_people),
        )
        train_briefly(
            looks,
            _Judging(looks, patches, config),
            num_steps=config.num_steps,
            learning_rate=config.learning_rate,
            on_progress=told(config.num_people + config.locator_steps),
        )
    return FaceJudge(locator=locator, eyes=looks["eyes"], mouth=looks["mouth"])


@dataclass(frozen=True, kw_only=True)
class JudgedPatches:
    """Patches of true faces and of faulty ones, MARGIN larger on every side."""

    true: Float[Tensor, "people 3 rows columns"]
    faulty: Float[Tensor, "faces 3 rows columns"]
    has_fault: Mapping[str, Bool[Tensor, " faces"]]


def judged_patches(
    corpus: PeopleCorpus,
    vae: nn.Module,
    config: FaceJudgeConfig,
    *,
    on_progress: Progress | None = None,
) -> JudgedPatches:
    """Everyone's first portrait given back, and again with faults in both eyes and mouth."""
    known = corpus.names("train")
    count = min(config.num_people, len(known))
    names = [known[number * len(known) // count] for number in range(count)]
    draw = torch.Generator().manual_seed(config.seed)
    true, spoilt = [], []
    seen: dict[str, list[Tensor]] = {part: [] for part in SEEN}
    for start in range(0, count, _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        stored = [corpus.tensors(name, ("portrait", "landmarks")) for name in some]
        images = to_image(torch.cat([one["portrait"][:1] for one in stored]))
        points = torch.cat([one["landmarks"][:1].float() for one in stored])
        points = points * (SIZE / corpus.size)
        given_back = returned(vae, images)
        true.append(_wide_patches(of_size(given_back), points))
        for _ in range(config.versions):
            kinds = {part: _any((*SEEN[part], MELTED), draw) for part in SEEN}
            made = faulty(vae, images, given_back, points, kinds, draw)
            spoilt.append(_wide_patches(made.images, points))
            for part, fault in made.has_fault.items():
                seen[part].append(fault)
        if on_progress is not None:
            on_progress(start + len(some), count)
    return JudgedPatches(
        true=torch.cat(true),
        faulty=torch.cat(spoilt),
        has_fault={part: torch.cat(each) for part, each in seen.items()},
    )


def _any(kinds: Sequence[str], draw: torch.Generator) -> str:
    return kinds[int(torch.randint(len(kinds), (), generator=draw))]


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
    """The loss of a step: half of the patches are true, half faulty in eyes and mouth."""

    def __init__(
        self, nets: nn.ModuleDict, patches: JudgedPatches, config: FaceJudgeConfig
    ) -> None:
        self._nets, self._patches, self._config = nets, patches, config

    def __call__(self, step: int) -> Tensor:
        config, patches = self._config, self._patches
        drawn = _drawn(config, step, len(patches.true))
        half = config.batch_size // 2
        faulty_rows = torch.from_numpy(drawn.random.integers(len(patches.faulty), size=half))
        at = drawn.random.integers(2 * MARGIN + 1, size=2)
        window = (slice(at[1], at[1] + PATCH[0]), slice(at[0], at[0] + PATCH[1]))
        shown = torch.cat([patches.true[drawn.rows[:half]], patches.faulty[faulty_rows]])
        shown = shown[(..., *window)]
        is_true = (torch.arange(2 * half) < half).float()
        flips = [-1] if drawn.random.random() < 0.5 else []
        losses = []
        for name, part in (("eyes", _EYES), ("mouth", _MOUTH)):
            counts = torch.cat([torch.ones(half), patches.has_fault[name][faulty_rows].float()])
            seen = _softened(shown[(..., *part)].flip(flips), drawn.torch_random)
            score = self._nets[name](seen)[:, 0]
            losses.append(
                binary_cross_entropy_with_logits(score, is_true, counts, reduction="sum")
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


def _score(net: nn.Module, patches: Tensor) -> Float[Tensor, " batch"]:
    """Of a patch and its mirror image."""
    return (net(patches)[:, 0] + net(patches.flip(-1))[:, 0]) / 2


def _tilt(places: Float[Tensor, "batch places=3 2"]) -> Float[Tensor, " batch"]:
    across = places[:, 1] - places[:, 0]
    down = places[:, 2] - places[:, :2].mean(dim=1)
    along, off = (across * down).sum(dim=1), across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    return torch.atan2(along, off)  # 0 where the two are at right angles


def _looked_at(images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 small small"]:
    return interpolate(images, size=(_LOOKED, _LOOKED), mode="area")


def _wide_patches(images: Images, points: Points) -> Tensor:
    return patches_at(images, places_of(points), margin=MARGIN)
