"""Every number of imagining in order, from voices to memory; what is cut short is taken up again.

Knows the order of the work, and nothing of pages or figures.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import cat

from imagineid_core.bench.count import count_calls
from imagineid_core.corpus.clip import Corpus
from imagineid_core.corpus.people import PeopleCorpus
from imagineid_core.evaluation.imagine.backgrounds import (
    StillBackground,
    foreground_psnr,
    still_background,
)
from imagineid_core.evaluation.imagine.diverse_frames import (
    DiverseFrames,
    diverse_frames,
    rendered_frames,
)
from imagineid_core.evaluation.imagine.emotions import NamedStyles, knows_styles, named_styles
from imagineid_core.evaluation.imagine.film_memory import LONG, SHORT, film_memory
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker, KeptClip, clip_config
from imagineid_core.evaluation.imagine.likeness import (
    Drift,
    distances_between,
    distances_to_first,
    drift_of,
)
from imagineid_core.evaluation.imagine.mouths import (
    ReadMouths,
    read_clip,
    read_diverse,
    read_shuffled,
    together,
    within_clips,
)
from imagineid_core.evaluation.imagine.picture_probes import PictureProbes, picture_probes
from imagineid_core.evaluation.imagine.plan import ImaginePlan
from imagineid_core.evaluation.imagine.true_portraits import AgainstTruth, against_truth
from imagineid_core.evaluation.imagine.voices import (
    HeldOutVoice,
    Listener,
    held_out_voices,
    long_voice,
    speaking_part,
)
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.values import Performance

Progress = Callable[[str, int, int], None]  # what is done, how far, of how much
_EARLY, _LATE = 50, 250


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Who is heard, and whose faces the probes learn from; `model` and `adapters` for memory."""

    listener: Listener
    talkers: Corpus
    people: PeopleCorpus
    model: Path | None = None
    adapters: Path | None = None


@dataclass(kw_only=True)
class Measured:
    """Filled part by part; `values` are the report's numbers, None where nothing was measured."""

    config: ImagineConfig  # of all clips, but for the seed
    values: dict[str, float | None] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    mouths: dict[str, ReadMouths] = field(default_factory=dict)
    mouth_clips: list[ReadMouths] = field(default_factory=list)
    clips: list[tuple[Performance, KeptClip]] = field(default_factory=list)
    backgrounds: dict[str, StillBackground] = field(default_factory=dict)
    seeds: list[KeptClip] = field(default_factory=list)
    long_clip: KeptClip | None = None
    drift: Drift | None = None
    diverse: dict[str, DiverseFrames] = field(default_factory=dict)
    styles: dict[str, NamedStyles] = field(default_factory=dict)
    against: AgainstTruth | None = None


def measure_imagining(
    maker: ClipMaker,
    sources: Sources,
    plan: ImaginePlan,
    *,
    split: str,
    seed: int,
    on_progress: Progress | None = None,
) -> Measured:
    """All of the plan; clips and probes that are there are not made again."""
    made = Measured(
        config=clip_config(
            maker.model.recommended, seed, num_steps=plan.num_steps, first_guidance=plan.guidance
        )
    )
    with _timed(made, "hear voices"):
        voices = held_out_voices(
            sources.talkers, sources.listener,
            split=split, num_speakers=plan.speakers, seed=seed,
            on_progress=_told(on_progress, "hear"),
        )  # fmt: skip
    with _timed(made, "probes"):
        probes = picture_probes(
            sources.people, maker.model.vae, maker.basis,
            maker.folder.parent / "probes.safetensors", plan.probes,
            on_progress=on_progress,
        )  # fmt: skip
    made.values |= probes.figures
    work = _Work(maker, sources, plan, made, voices, probes, split, seed)
    for part, run in (
        ("coherent clips", work.coherent_clips),
        ("shuffled clips", work.shuffled_clips),
        ("frames in diverse mode", work.diverse_frames),
        ("emotions", work.emotions),
        ("seeds of one voice", work.seeds),
        ("backgrounds", work.backgrounds),
        ("real portraits", work.real_portraits),
        ("a long clip", work.long_clip),
        ("memory", work.memory),
    ):
        with _timed(made, part):
            run()
    made.calls = count_calls(ImagineConfig(num_steps=made.config.num_steps))[1]
    return made


class _Work:
    """One method a part; each adds its numbers and what the figures show of them."""

    def __init__(
        self,
        maker: ClipMaker,
        sources: Sources,
        plan: ImaginePlan,
        made: Measured,
        voices: Sequence[HeldOutVoice],
        probes: PictureProbes,
        split: str,
        seed: int,
    ) -> None:
        self.maker, self.sources, self.plan, self.made = maker, sources, plan, made
        self.voices, self.probes, self.split, self.seed = voices, probes, split, seed

    def config(self, seed: int) -> ImagineConfig:
        return replace(self.made.config, seed=seed)

    def diverse_config(self, seed: int) -> ImagineConfig:
        """Of what diverse mode makes alone; a frame that settles is a coherent one."""
        return replace(self.config(seed), settles=0)

    def coherent_clips(self) -> None:
        for number, voice in enumerate(one_a_style(self.voices)[: self.plan.clips]):
            performance = speaking_part(voice.performance, self.plan.clip_frames)
            name = f"coherent_{voice.name}_{voice.style}"
            clip = self.maker.clip(name, performance, self.config(self.seed + number))
            self.made.clips.append((performance, clip))
            self.made.mouth_clips.append(read_clip(self.probes, clip))
        self.made.made["coherent frames"] = sum(len(c.frames) - 1 for _, c in self.made.clips)
        coherent = together(self.made.mouth_clips)
        self.made.mouths["coherent"] = coherent
        self.made.values |= {
            "mouth_coherent": coherent.r,
            "mouth_within_clips": within_clips(self.made.mouth_clips),
        }

    def shuffled_clips(self) -> None:
        voices = one_a_style(self.voices)[: self.plan.shuffled_clips]
        true, shown = read_shuffled(
            self.maker, self.probes, voices, self.config(self.seed),
            num_frames=self.plan.shuffled_frames, seed=self.seed,
        )  # fmt: skip
        pooled = together(true)
        self.made.made["coherent frames of shuffled meshes"] = len(pooled.mesh)
        self.made.mouths["shuffled"] = pooled
        self.made.values |= {
            "mouth_shuffled": within_clips(true),
            "mouth_shuffled_pooled": pooled.r,
            "mouth_shuffled_as_shown": together(shown).r,
        }

    def diverse_frames(self) -> None:
        some = _first_speakers(self.voices, self.plan.part_speakers)
        kinds = {"full": self.voices, "zeroed": self.voices, "words": some, "mesh": some}
        if self.maker.adapters.textual is None:  # then nothing of the voice is in the words
            del kinds["words"], kinds["mesh"]
        for change, voices in kinds.items():
            self.made.diverse[change] = diverse_frames(
                self.maker, voices, change, seed=self.seed, config_of=self.diverse_config
            )
        full = self.made.diverse["full"]
        rendered = rendered_frames(self.maker, self.voices, seed=self.seed)
        self.made.diverse["rendered"] = DiverseFrames(
            frames=rendered, gaps=full.gaps, landmarks=full.landmarks,
            styles=full.styles, speakers=full.speakers,
        )  # fmt: skip
        for name in kinds:
            count = len(self.made.diverse[name].frames)
            self.made.made[f"frames in diverse mode, {name}"] = count
        self.made.mouths["diverse"] = read_diverse(self.probes, full)
        ceiling = read_diverse(self.probes, self.made.diverse["rendered"])
        self.made.values |= {
            "mouth_diverse": self.made.mouths["diverse"].r,
            "mouth_portraits": ceiling.r,
        }

    def emotions(self) -> None:
        if not knows_styles(self.made.diverse["full"].styles):
            return
        names = {"full": "style_probe"}
        names |= {kind: f"style_probe_{kind}" for kind in ("zeroed", "words", "mesh", "rendered")}
        for kind, frames in self.made.diverse.items():
            named = named_styles(self.probes, frames)
            self.made.styles[kind] = named
            self.made.values[names[kind]] = named.accuracy
        self.made.values["style_chance"] = self.made.styles["full"].chance

    def seeds(self) -> None:
        if self.plan.seeds < 2:
            return
        voice = one_a_style(self.voices)[0]
        performance = speaking_part(voice.performance, 1)
        for number in range(self.plan.seeds):
            name = f"seed_{number}_{voice.name}"
            config = self.config(self.seed + 1_000 + number)
            self.made.seeds.append(self.maker.clip(name, performance, config))
        between = float(distances_between(cat([one.frames for one in self.made.seeds])).mean())
        within = cat([distances_to_first(clip.frames) for _, clip in self.made.clips]).mean()
        self.made.made["seeds of one voice"] = self.plan.seeds
        self.made.values |= {
            "distance_between_seeds": between,
            "distance_within_clips": float(within),
            "diversity_ratio": between / max(float(within), 1e-9),
        }

    def backgrounds(self) -> None:
        for performance, clip in self.made.clips:
            found = still_background(self.maker.host(performance), clip)
            if found is not None:
                self.made.backgrounds[clip.name.removeprefix("coherent_")] = found
        self.made.made["clips with a background"] = len(self.made.backgrounds)
        if not self.made.backgrounds:
            return
        both = self.made.backgrounds.values()
        blended = sum(float(one.blended.mean()) for one in both) / len(both)
        plain = sum(float(one.plain.mean()) for one in both) / len(both)
        self.made.values |= {
            "background_psnr": blended,
            "background_psnr_plain": plain,
            "background_gain_db": blended - plain,
        }

    def real_portraits(self) -> None:
        people, performance = self.sources.people, self.voices[0].performance
        names = people.names("test")
        if self.maker.adapters.blending is not None and self.plan.foreground_people:
            found = foreground_psnr(
                self.maker.host(performance), people, names[: self.plan.foreground_people],
                has_matting=self.maker.adapters.matting is not None,
            )  # fmt: skip
            if found is not None:
                plain, blended = found
                self.made.values["foreground_psnr"] = blended
                self.made.values["foreground_loss_db"] = plain - blended
        enough = people.num_frames > 1 and people.size == self.maker.size
        if self.plan.truth_people and enough:
            some = names[: self.plan.truth_people]
            self.made.against = against_truth(self.maker, people, some, self.config(self.seed))
            self.made.made["coherent frames of real portraits"] = len(some)
            self.made.values |= self.made.against.figures

    def long_clip(self) -> None:
        if self.plan.long_frames < 2:
            return
        voice = long_voice(
            self.sources.talkers, self.sources.listener, self.voices[0].speaker,
            split=self.split, num_frames=self.plan.long_frames, seed=self.seed,
        )  # fmt: skip
        name = f"long_{voice.name}"
        clip = self.maker.clip(name, voice.performance, self.config(self.seed + 2_000))
        self.made.long_clip, self.made.drift = clip, drift_of(clip.frames)
        self.made.made["frames of the long clip"] = len(clip.frames)
        if len(clip.frames) >= _LATE:
            self.made.values |= {
                "drift_250_50": self.made.drift.ratio(_LATE, _EARLY),
                "detail_250_50": self.made.drift.detail_ratio(_LATE, _EARLY),
            }

    def memory(self) -> None:
        if not self.plan.measures_memory or self.sources.model is None:
            return
        peak = film_memory(self.sources.model, self.sources.adapters)
        self.made.values |= {
            "memory_250_50": peak[LONG] / peak[SHORT],
            "memory_peak_mb": peak[LONG],
        }


def one_a_style(voices: Sequence[HeldOutVoice]) -> list[HeldOutVoice]:
    """A voice of every style, as far as may be each of another speaker."""
    styles = sorted({voice.style for voice in voices})
    speakers = sorted({voice.speaker for voice in voices})
    by = {(voice.speaker, voice.style): voice for voice in voices}
    return [by[speakers[k % len(speakers)], style] for k, style in enumerate(styles)]


def _first_speakers(voices: Sequence[HeldOutVoice], count: int) -> list[HeldOutVoice]:
    speakers = sorted({voice.speaker for voice in voices})[:count]
    return [voice for voice in voices if voice.speaker in speakers]


def _told(on_progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(what, done, total)


@contextmanager
def _timed(made: Measured, part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    made.seconds[part] = round(time.perf_counter() - begun, 1)
