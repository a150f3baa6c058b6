"""How many pseudo-words TIA makes, and what it makes them of (Fig. 8). No SCA, no MBA.

Knows nothing about meshes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.features import mel_spectrogram
from imagineid_core.corpus.clip import Corpus
from imagineid_core.corpus.portrait import caption_of
from imagineid_core.evaluation.imagine.ablation.held_frames import (
    blank_mesh,
    first_frame,
    host_with,
    spoken,
)
from imagineid_core.evaluation.imagine.ablation.sheet import Pictures
from imagineid_core.evaluation.imagine.ablation.table import Claim, Rows, lower
from imagineid_core.evaluation.imagine.ablation.trials import Trials
from imagineid_core.imagine.host import Image
from imagineid_core.imagine.textual_inversion import TextualInversionAdapter
from imagineid_core.training.adapter_sources import SPLITS, AdapterSources
from imagineid_core.training.train_adapters import frozen, new_words
from imagineid_core.training.voiced_people import VoicedPeople
from imagineid_core.training.word_stage import WordStage

COUNTS = (1, 2, 4, 8, 16)
_FIGURES = ("loss", "none", "others_penalty")
Statistics = Float[Tensor, "clips mels=80"]

WORD_CLAIMS = (
    lower("too few words cannot say it", "others_penalty", "N = 1", "N = 8"),
    Claim(
        says="many more than 8 bring no further improvement (16 over 8, against 8 over 1)",
        smaller=lambda rows: _gain(rows, "N = 8", "N = 16"),
        larger=lambda rows: _gain(rows, "N = 1", "N = 8"),
    ),
)

RAW_CLAIMS = (
    lower("the words of raw audio features say less", "others_penalty", "raw audio", "PAD"),
    lower("they serve worse", "loss", "PAD", "raw audio"),
)


def run_words(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    rows: dict[str, dict[str, float]] = {}
    images: dict[str, Pictures] = {}
    for count in COUNTS:
        sources = trials.sources.changed(num_words=count)
        adapter, rows[f"N = {count}"] = _trained(
            trials, sources, "words", str(count), trials.voiced
        )
        images[f"N = {count}"] = _imagined(trials, trials.voiced["validation"], adapter)
    return rows, {**_reference(trials), **images}


def run_raw_audio(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    """Mean and spread of a clip's mel bands in place of theta_id and theta_e."""
    raw = _with_raw_audio(trials)
    rows: dict[str, dict[str, float]] = {}
    images: dict[str, Pictures] = {}
    for name, people in {"PAD": trials.voiced, "raw audio": raw}.items():
        variant = name.replace(" ", "_")
        adapter, rows[name] = _trained(trials, trials.sources, "raw_audio", variant, people)
        images[name] = _imagined(trials, people["validation"], adapter)
    return rows, {**_reference(trials), **images}


def sound_statistics(corpus: Corpus, names: Sequence[str]) -> tuple[Statistics, Statistics]:
    """Mean and spread over time of every mel band of each clip."""
    mels = [mel_spectrogram(corpus.load(name).speech.waveform) for name in names]
    return torch.stack([m.mean(dim=1) for m in mels]), torch.stack([m.std(dim=1) for m in mels])


def shown_rows(trials: Trials, people: VoicedPeople) -> list[int]:
    """Portraits from all along the list, so that they are of different speakers."""
    count = min(trials.num_pictured, len(people.latents))
    return [number * len(people.latents) // count for number in range(count)]


def _with_raw_audio(trials: Trials) -> dict[str, VoicedPeople]:
    """In standard units of the training clips, as a network likes them best."""
    statistics = {
        split: sound_statistics(trials.heard.corpus, trials.sources.talkers(trials.heard, split))
        for split in SPLITS
    }
    units = [(one.mean(dim=0), one.std(dim=0) + 1e-3) for one in statistics["train"]]

    def scaled(values: Statistics, unit: tuple[Tensor, Tensor]) -> Statistics:
        return (values - unit[0]) / unit[1]

    return {
        split: replace(
            trials.voiced[split],
            semantics=scaled(statistics[split][0], units[0]),
            style=scaled(statistics[split][1], units[1]),
        )
        for split in SPLITS
    }


def _trained(
    trials: Trials,
    sources: AdapterSources,
    ablation: str,
    variant: str,
    people: Mapping[str, VoicedPeople],
) -> tuple[TextualInversionAdapter, dict[str, float]]:
    shown = people["train"]
    adapter = new_words(sources, shown.semantics.shape[1], shown.style.shape[1])
    stage = WordStage(adapter, **frozen(sources.model))
    figures = trials.trained(
        ablation,
        variant,
        stage,
        sources.preset.word_loop,
        sources.word_batches(people, room=max(COUNTS)),  # the same captions for all
    )
    return stage.learned, {name: figures[name] for name in _FIGURES}


@torch.no_grad()
def _imagined(
    trials: Trials, people: VoicedPeople, adapter: TextualInversionAdapter | None
) -> list[Image]:
    """Frame 1 from words alone, the looks of the truth spoken in the prompt."""
    images = []
    for row in shown_rows(trials, people):
        words = None
        if adapter is not None:
            clip = people.clip[row]
            words = adapter(people.semantics[clip][None], people.style[clip][None, None])[:, 0]
        prompt = spoken(trials.sources.preset, caption_of(people.attributes(row)))
        host = host_with(trials.sources.model, prompt, words=words)
        mesh = blank_mesh(trials.sources.corpus.size)
        images.append(first_frame(host, mesh, trials.sampler))
    return images


@torch.no_grad()
def _reference(trials: Trials) -> dict[str, Pictures]:
    """The truth as the autoencoder has it, and what the prompt gives without words."""
    people, model = trials.voiced["validation"], trials.sources.model
    latents = people.latents.to(model.vae.device).float() / model.vae.config.scaling_factor
    rows = shown_rows(trials, people)
    truth = [model.vae.decode(latents[row][None]).sample.cpu() for row in rows]
    return {"truth": truth, "no words": _imagined(trials, people, None)}


def _gain(rows: Rows, few: str, many: str) -> float:
    return rows[many]["others_penalty"] - rows[few]["others_penalty"]
