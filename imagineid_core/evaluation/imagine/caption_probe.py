"""A small network that says what a portrait shows, trained on real portraits of a people corpus.

It looks at thumbnails of 48 pixels, moved and softened at random, so that what it reads is colour
and outline and not how sharp a picture is. Knows nothing about captions or diffusion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import (
    affine_grid,
    avg_pool2d,
    cross_entropy,
    dropout,
    grid_sample,
    interpolate,
)

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_classes
from imagineid_core.evaluation.imagine.small_net import (
    Progress,
    convolutions,
    num_features,
    train_briefly,
)

READ = ("backdrop_colour", "hair_colour", "skin", "hair_style")
TO_THE_WORD = "hair_style_to_the_word"
# Cropped hair: from the front, at 128 pixels, nobody can tell these from each other.
LOOK_ALIKE = ("short", "side part", "quiff")
_THUMBNAIL = 48  # pixels
_UNTOLD = -100
_MOVED, _SCALED = 0.05, 0.05  # of the picture, at most
_BLURRED, _BRIGHTNESS, _NOISE = 0.6, 0.03, 0.03  # share of pictures; standard deviations
_DROPPED = 0.2


@dataclass(frozen=True, kw_only=True)
class CaptionProbeConfig:
    channels: tuple[int, ...] = (24, 48, 96)
    num_steps: int = 1_200
    batch_size: int = 64
    learning_rate: float = 5e-3
    seed: int = 0


class CaptionProbe(nn.Module):
    """Thumbnails to one classifier an attribute."""

    def __init__(self, config: CaptionProbeConfig) -> None:
        super().__init__()
        self.body = convolutions(config.channels)
        seen = num_features(config.channels, _THUMBNAIL, _THUMBNAIL)
        self.heads = nn.ModuleDict({name: nn.Linear(seen, len(CLASSES[name])) for name in READ})

    def forward(
        self, thumbnails: Float[Tensor, "batch 3 height width"]
    ) -> dict[str, Float[Tensor, "batch classes"]]:
        seen = dropout(self.body(thumbnails), _DROPPED, self.training)
        return {name: head(seen) for name, head in self.heads.items()}


def thumbnails_of(
    images: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 3 small small"]:
    return interpolate(images, size=(_THUMBNAIL, _THUMBNAIL), mode="area")


def classes_of(corpus: PeopleCorpus, names: Sequence[str]) -> Mapping[str, Int[Tensor, " people"]]:
    """What each person's caption tells, -100 where it does not."""
    told = [caption_classes(corpus.attributes(name)) for name in names]
    return {
        name: torch.tensor([_UNTOLD if one[name] is None else one[name] for one in told])
        for name in READ
    }


def train_caption_probe(
    corpus: PeopleCorpus, config: CaptionProbeConfig, *, on_progress: Progress | None = None
) -> CaptionProbe:
    """Learn on the people of 'train'; the global random state is left as it was."""
    names = corpus.names("train")
    pictures = (corpus.tensors(name, ("portrait",))["portrait"] for name in names)
    thumbnails = torch.stack([thumbnails_of(to_image(one)) for one in pictures])
    return trained_on(thumbnails, classes_of(corpus, names), config, on_progress=on_progress)


def trained_on(
    thumbnails: Float[Tensor, "people frames 3 small small"],
    classes: Mapping[str, Int[Tensor, " people"]],
    config: CaptionProbeConfig,
    *,
    on_progress: Progress | None = None,
) -> CaptionProbe:
    def loss_at(step: int) -> Tensor:
        draw = np.random.default_rng([config.seed, step])
        people = torch.from_numpy(draw.integers(len(thumbnails), size=config.batch_size))
        frames = torch.from_numpy(draw.integers(thumbnails.shape[1], size=config.batch_size))
        guesses = probe(_disturbed(thumbnails[people, frames], draw))
        losses = [
            cross_entropy(guesses[name], classes[name][people], ignore_index=_UNTOLD)
            for name in READ
        ]
        return torch.stack([loss for loss in losses if bool(loss.isfinite())]).sum()  # 0 / 0

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probe = CaptionProbe(config)
        train_briefly(
            probe,
            loss_at,
            num_steps=config.num_steps,
            learning_rate=config.learning_rate,
            on_progress=on_progress,
        )
    return probe


@torch.no_grad()
def shares_right(
    probe: CaptionProbe,
    images: Float[Tensor, "batch 3 height width"],
    classes: Mapping[str, Int[Tensor, " batch"]],
) -> dict[str, float]:
    """How often the probe sees what was asked for, among those for whom it was asked.

    Skin tones are steps of a continuous range, so the neighbouring word counts too; hair styles
    that look alike count as one, and word by word in TO_THE_WORD, which is no goal.
    """
    likely = {
        name: score.softmax(dim=1) for name, score in probe.eval()(thumbnails_of(images)).items()
    }
    guesses = {name: each.argmax(dim=1) for name, each in likely.items()}
    right = {name: guesses[name] == classes[name] for name in READ}
    right["skin"] = (guesses["skin"] - classes["skin"]).abs() <= 1
    right[TO_THE_WORD] = right["hair_style"]
    alike = torch.tensor([style in LOOK_ALIKE for style in CLASSES["hair_style"]])
    of_alike = likely["hair_style"][:, alike].sum(dim=1)
    is_alike = of_alike > likely["hair_style"][:, ~alike].amax(dim=1)
    others = likely["hair_style"].masked_fill(alike, 0.0).argmax(dim=1)
    wanted = classes["hair_style"]
    told = wanted != _UNTOLD
    wants_alike = alike[wanted.clamp_min(0)]
    right["hair_style"] = torch.where(wants_alike, is_alike, ~is_alike & (others == wanted))
    is_told = {name: classes[name] != _UNTOLD for name in READ} | {TO_THE_WORD: told}
    return {name: float(each[is_told[name]].float().mean()) for name, each in right.items()}


def _disturbed(
    thumbnails: Float[Tensor, "batch 3 small small"], draw: np.random.Generator
) -> Float[Tensor, "batch 3 small small"]:
    """Mirrored, moved, a little larger, brighter or darker, softened, with a little noise."""
    count = len(thumbnails)
    place = torch.zeros(count, 2, 3)
    place[:, :, 2] = torch.from_numpy(draw.uniform(-_MOVED, _MOVED, (count, 2)))
    size = torch.from_numpy(1 + draw.uniform(-_SCALED, _SCALED, count))
    place[:, 0, 0] = size * torch.from_numpy(draw.choice([-1.0, 1.0], count))
    place[:, 1, 1] = size
    grid = affine_grid(place, list(thumbnails.shape), align_corners=False)
    seen = grid_sample(thumbnails, grid, padding_mode="border", align_corners=False)
    blurred = avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
    amount = torch.from_numpy(draw.random(count) * (draw.random(count) < _BLURRED))
    seen = seen + amount.float().view(-1, 1, 1, 1) * (blurred - seen)
    brightness = torch.from_numpy(draw.normal(0, _BRIGHTNESS, (count, 1, 1, 1))).float()
    noise = torch.from_numpy(draw.normal(0, _NOISE, seen.shape)).float()
    return (seen + brightness + noise).contiguous(memory_format=torch.channels_last)
