"""Films of synthetic people by the mini suite beside the true ones, as a set that can be measured.

Self-driving, as PD-FGC's and the paper's Table 2: the true film's first frame gives the looks, its
voice the lips and its head the motion; the voice is of nobody the networks were trained on. Knows
nothing about metrics.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import first_sample
from imagineid_core.checkpoint import write_whole
from imagineid_core.corpus.clip import Clip, Corpus
from imagineid_core.corpus.portrait import draw_person, render_portrait
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.voices import Listener, part_of
from imagineid_core.evaluation.video.clip_manifest import MANIFEST
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.imagine.adapters import Adapters, host_for
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.performance import TENSORS, save_performance
from imagineid_core.pipeline.imagined_film import MeshPictures, film_imagined
from imagineid_core.pipeline.perform import coefficients_from, perform
from imagineid_core.values import SAMPLE_RATE, FaceBasis, Performance, Speech
from imagineid_core.video.open_writer import open_writer
from imagineid_core.video.reader import count_frames

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class SuiteMaker:
    """What all films of a set have in common."""

    model: StableDiffusion
    adapters: Adapters
    listener: Listener
    basis: FaceBasis
    config: ImagineConfig
    size: int  # pixels a side


def make_suite_clips(
    maker: SuiteMaker,
    talkers: Corpus,
    folder: Path,
    *,
    num_clips: int,
    num_frames: int,
    method: str,
    on_progress: Progress | None = None,
) -> None:
    """Films, performances and `manifest.json`; films that are whole are not made again."""
    names = _one_of_each_speaker(talkers, num_clips)
    entries = []
    for number, name in enumerate(names):
        clip = talkers.load(name)
        _make(maker, clip, folder, num_frames, number, on_progress)
        entries.append(
            {
                "name": name,
                "video": f"video/{name}.mp4",
                "reference": f"reference/{name}.mp4",
                "performance": f"performance/{name}",
                "reference_performance": f"reference_performance/{name}",
            }
        )
    text = json.dumps({"method": method, "clips": entries}, indent=1, ensure_ascii=False)
    write_whole(folder / MANIFEST, text.encode())


def _one_of_each_speaker(talkers: Corpus, num_clips: int) -> list[str]:
    first: dict[str, str] = {}
    for name in talkers.names("test"):
        first.setdefault(talkers.load(name).speaker, name)
    if len(first) < num_clips:
        raise InputError(
            f"the corpus has {len(first)} speakers in 'test' but {num_clips} clips are asked for, "
            "one of each. Ask for fewer, or give a larger corpus."
        )
    return list(first.values())[:num_clips]


def _make(
    maker: SuiteMaker,
    clip: Clip,
    folder: Path,
    num_frames: int,
    number: int,
    on_progress: Progress | None,
) -> None:
    speech = _beginning(clip.speech, num_frames)
    truth = _true_performance(clip, speech)
    heard = perform(
        speech,
        maker.listener.pad,
        seed=number,
        motion=truth.motion,
    )
    for kind, performance in (("reference_performance", truth), ("performance", heard)):
        if not (folder / kind / clip.name / TENSORS).is_file():
            save_performance(folder / kind / clip.name, performance, source=clip.name)
    true_film, film = (folder / kind / f"{clip.name}.mp4" for kind in ("reference", "video"))

    def told(what: str, done: int) -> None:
        if on_progress is not None:
            on_progress(f"{what} {clip.name}", done, speech.num_frames)

    people = _Portraits(maker, truth, number)
    if count_frames(true_film) != speech.num_frames:
        with open_writer(
            true_film,
            fps=speech.fps,
            sound=speech.waveform[None],
            sample_rate=SAMPLE_RATE,
            overwrite=True,
        ) as writer:
            for frame in range(speech.num_frames):
                writer.write(people.frame(frame)[0])
                told("true film", frame + 1)
    if count_frames(film) != speech.num_frames:
        host = host_for(
            maker.model,
            maker.adapters,
            maker.model.recommended.prompt,
            semantics=heard.semantics,
            style=heard.style,
        )
        film_imagined(
            MeshPictures(heard, maker.basis, size=maker.size),
            speech,
            host,
            maker.config,
            film,
            image=people.frame(0),
            overwrite=True,
            on_frame=lambda done: told("film", done.index + 1),
        )


class _Portraits:
    """A drawn person who does what a performance says."""

    def __init__(self, maker: SuiteMaker, performance: Performance, number: int) -> None:
        self._person = draw_person(maker.config.seed + number)
        self._maker, self._performance = maker, performance

    def frame(self, number: int) -> Float[Tensor, "1 3 height width"]:
        moving = coefficients_from(self._performance, self._maker.basis, slice(number, number + 1))
        placed = moving.pose + torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE])
        dressed = replace(
            moving,
            pose=placed,
            texture=self._person.texture[None],
            lighting=self._person.lighting[None],
        )
        return render_portrait(self._person.attributes, dressed, self._maker.size).image


def _true_performance(clip: Clip, speech: Speech) -> Performance:
    assert clip.shape is not None and clip.expression is not None and clip.motion is not None  # noqa: PT018
    whole = Performance(
        shape=clip.shape,
        semantics=None,
        style=None,
        lip_expression=None,
        expression=clip.expression,
        motion=clip.motion,
    )
    return part_of(whole, 0, speech.num_frames)


def _beginning(speech: Speech, num_frames: int) -> Speech:
    count = min(num_frames, speech.num_frames)
    stop = first_sample(count, SAMPLE_RATE, speech.fps)
    return replace(speech, waveform=speech.waveform[:stop], num_frames=count)
