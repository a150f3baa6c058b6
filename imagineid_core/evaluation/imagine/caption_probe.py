"""A small network that says what a portrait shows, trained on real portraits of a people corpus.

It looks at thumbnails of 32 pixels, softened at random, so that what it reads is colour and outline
and not how sharp a picture is. Knows nothing about captions or diffusion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_classes

READ = ("backdrop_colour", "hair_colour", "skin", "hair_style")
_THUMBNAIL = 32  # pixels
_UNTOLD = -100
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class CaptionProbeConfig:
    channels: tuple[int, ...] = (32, 64, 96)
    num_steps: int = 900
    batch_size: int = 64
    learning_rate: float = 2e-3
    seed: int = 0


class CaptionProbe(nn.Module):
    """Thumbnails to one classifier an attribute."""

    def __init__(self, config: CaptionProbeConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in config.channels:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU()]
            before = width
        self.body = nn.Sequential(*layers, nn.Flatten())
        places = (_THUMBNAIL // 2 ** len(config.channels)) ** 2
        self.heads = nn.ModuleDict(
            {name: nn.Linear(before * places, len(CLASSES[name])) for name in READ}
        )

    def forward(
        self, thumbnails: Float[Tensor, "batch 3 height width"]
    ) -> dict[str, Float[Tensor, "batch classes"]]:
        seen = self.body(thumbnails)
        return {name: head(seen) for name, head in self.heads.items()}


def thumbnails_of(
    images: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 3 small small"]:
    return interpolate(images, size=(_THUMBNAIL, _THUMBNAIL), mode="area")


def classes_of(
    corpus: PeopleCorpus, names: Sequence[str]
) -> Mapping[str, Float[Tensor, " people"] | Tensor]:
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
    pictures = [corpus.tensors(name, ("portrait",))["portrait"] for name in names]
    thumbnails = torch.stack([thumbnails_of(to_image(one)) for one in pictures])
    classes = classes_of(corpus, names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probe = CaptionProbe(config)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=config.learning_rate, weight_decay=0.02)
    for step in range(config.num_steps):
        draw = np.random.default_rng([config.seed, step])
        people = torch.from_numpy(draw.integers(len(names), size=config.batch_size))
        frames = torch.from_numpy(draw.integers(thumbnails.shape[1], size=config.batch_size))
        shown = _softened(thumbnails[people, frames], draw)
        guesses = probe(shown)
        losses = [
            cross_entropy(guesses[name], classes[name][people], ignore_index=_UNTOLD)
            for name in READ
        ]
        known = [loss for loss in losses if bool(loss.isfinite())]  # all untold: 0 / 0
        torch.stack(known).sum().backward()
        rate = config.learning_rate * (1 - step / config.num_steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        if on_progress is not None:
            on_progress(step + 1, config.num_steps)
    return probe.eval()


@torch.no_grad()
def shares_right(
    probe: CaptionProbe,
    images: Float[Tensor, "batch 3 height width"],
    classes: Mapping[str, Tensor],
) -> dict[str, float]:
    """How often the probe sees what was asked for, among those for whom it was asked.

    Skin tones are steps of a continuous range, so the neighbouring word counts too.
    """
    guesses = probe.eval()(thumbnails_of(images))
    shares = {}
    for name in READ:
        truth, guess = classes[name], guesses[name].argmax(dim=1)
        right = (guess - truth).abs() <= 1 if name == "skin" else guess == truth
        shares[name] = float(right[truth != _UNTOLD].float().mean())
    return shares


def _softened(
    thumbnails: Float[Tensor, "batch 3 small small"], draw: np.random.Generator
) -> Float[Tensor, "batch 3 small small"]:
    """Mirrored, a little brighter or darker, sometimes blurred, with a little noise."""
    flips = torch.from_numpy(draw.random(len(thumbnails)) < 0.5)[:, None, None, None]
    seen = torch.where(flips, thumbnails.flip(-1), thumbnails)
    blurred = avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
    soft = torch.from_numpy(draw.random(len(seen)) < 0.5)[:, None, None, None]
    seen = torch.where(soft, blurred, seen)
    brightness = torch.from_numpy(draw.normal(0, 0.03, (len(seen), 1, 1, 1))).float()
    noise = torch.from_numpy(draw.normal(0, 0.03, seen.shape)).float()
    return seen + brightness + noise
