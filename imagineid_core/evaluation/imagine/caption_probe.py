"""What a portrait shows, as small networks see it that learned from a people corpus.

One reads colours from thumbnails, moved and softened at random, so that it does not see how sharp a
picture is. Another reads the cut of the hair, in any colours and hidden in part: there are too few
people to learn outlines from their own. Both also learn from portraits that the model's autoencoder
gives back, for they will judge such. Knows nothing about diffusion.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.corpus.people.caption_words import CLASSES, caption_classes
from imagineid_core.evaluation.imagine.attribute_reader import (
    UNTOLD,
    AttributeReader,
    ReaderConfig,
    thumbnails_of,
    train_reader,
)
from imagineid_core.evaluation.imagine.probe_disturbance import (
    Pictures,
    disturbed,
    partly_hidden,
    recoloured,
)
from imagineid_core.evaluation.imagine.samples import returned
from imagineid_core.evaluation.imagine.small_net import Progress, behind

_COLOURS, _OUTLINES = ("backdrop_colour", "hair_colour", "skin"), ("hair_style",)
READ = (*_COLOURS, *_OUTLINES)
TO_THE_WORD = "hair_style_to_the_word"
# Cropped hair: from the front, at 128 pixels, nobody can tell these from each other.
LOOK_ALIKE = ("short", "side part", "quiff")


@dataclass(frozen=True, kw_only=True)
class CaptionProbeConfig:
    colours: ReaderConfig = ReaderConfig(size=96, num_steps=1_200, dropped=0.2)
    outlines: ReaderConfig = ReaderConfig(size=96, num_steps=3_000, dropped=0.4)
    seed: int = 0


class CaptionProbe(nn.Module):
    """Portraits of any size to the scores of every class of READ."""

    def __init__(self, config: CaptionProbeConfig) -> None:
        super().__init__()
        self.colours = _reader(config.colours, _COLOURS)
        self.outlines = _reader(config.outlines, _OUTLINES)

    def forward(self, images: Pictures) -> dict[str, Float[Tensor, "batch classes"]]:
        """Of each and of its mirror image."""
        scores: dict[str, Tensor] = {}
        for reader in (self.colours, self.outlines):
            thumbnails = thumbnails_of(images, reader.config.size)
            mirrored = reader(thumbnails.flip(-1))
            scores |= {
                name: (score + mirrored[name]) / 2 for name, score in reader(thumbnails).items()
            }
        return scores


def classes_of(corpus: PeopleCorpus, names: Sequence[str]) -> Mapping[str, Int[Tensor, " people"]]:
    """What each person's caption tells, UNTOLD where it does not."""
    told = [caption_classes(corpus.attributes(name)) for name in names]
    return {
        name: torch.tensor([UNTOLD if one[name] is None else one[name] for one in told])
        for name in READ
    }


def train_caption_probe(
    corpus: PeopleCorpus,
    vae: nn.Module,
    config: CaptionProbeConfig,
    *,
    on_progress: Progress | None = None,
) -> CaptionProbe:
    """Learn on the people of 'train', also as `vae` gives them back; the global random state is
    left as it was."""
    names = corpus.names("train")
    classes = classes_of(corpus, names)
    total = len(names) + config.colours.num_steps + config.outlines.num_steps
    sizes = {config.colours.size, config.outlines.size}
    shown = _thumbnails(corpus, names, vae, sizes, behind(on_progress, 0, total))
    before = len(names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probe = CaptionProbe(config)
        readers = (probe.colours, probe.outlines)
        for reader, disturb in zip(readers, (disturbed, _outlines_only), strict=True):
            train_reader(
                reader,
                shown[reader.config.size],
                classes,
                disturb,
                seed=config.seed,
                on_progress=behind(on_progress, before, total),
            )
            before += reader.config.num_steps
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
    likely = {name: score.softmax(dim=1) for name, score in probe.eval()(images).items()}
    guesses = {name: each.argmax(dim=1) for name, each in likely.items()}
    right = {name: guesses[name] == classes[name] for name in READ}
    right["skin"] = (guesses["skin"] - classes["skin"]).abs() <= 1
    right[TO_THE_WORD] = right["hair_style"]
    alike = torch.tensor([style in LOOK_ALIKE for style in CLASSES["hair_style"]])
    of_alike = likely["hair_style"][:, alike].sum(dim=1)
    is_alike = of_alike > likely["hair_style"][:, ~alike].amax(dim=1)
    others = likely["hair_style"].masked_fill(alike, 0.0).argmax(dim=1)
    wanted = classes["hair_style"]
    told = wanted != UNTOLD
    wants_alike = alike[wanted.clamp_min(0)]
    right["hair_style"] = torch.where(wants_alike, is_alike, ~is_alike & (others == wanted))
    is_told = {name: classes[name] != UNTOLD for name in READ} | {TO_THE_WORD: told}
    return {name: float(each[is_told[name]].float().mean()) for name, each in right.items()}


def _reader(config: ReaderConfig, names: Sequence[str]) -> AttributeReader:
    return AttributeReader(config, {name: len(CLASSES[name]) for name in names})


def _thumbnails(
    corpus: PeopleCorpus,
    names: Sequence[str],
    vae: nn.Module,
    sizes: Collection[int],
    on_progress: Progress | None,
) -> dict[int, Float[Tensor, "people takes 3 small small"]]:
    """Of every size: all portraits, and all given back; half precision."""
    made: dict[int, list[Tensor]] = {size: [] for size in sizes}
    for number, name in enumerate(names):
        true = to_image(corpus.tensors(name, ("portrait",))["portrait"])
        shown = torch.cat([true, returned(vae, true)])
        for size, of_size in made.items():
            of_size.append(thumbnails_of(shown, size).half())
        if on_progress is not None:
            on_progress(number + 1, len(names))
    return {size: torch.stack(of_size) for size, of_size in made.items()}


def _outlines_only(pictures: Pictures, draw: np.random.Generator) -> Pictures:
    return partly_hidden(recoloured(disturbed(pictures, draw), draw), draw)
