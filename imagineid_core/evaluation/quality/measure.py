"""All numbers of the gate, part by part; what cannot be measured here is named with its reason.

Knows which part needs what, and nothing of what was measured before.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from imagineid_core.errors import InputError
from imagineid_core.evaluation.quality import portraits, voices
from imagineid_core.evaluation.quality.films import films
from imagineid_core.evaluation.quality.held_out import HeldOut
from imagineid_core.evaluation.quality.metrics import PARTS, QUALITY_METRICS
from imagineid_core.evaluation.quality.portraits import EncodedPeople, Found
from imagineid_core.evaluation.quality.suite import Suite
from imagineid_core.face.load import load_face
from imagineid_core.pipeline.perform import perform
from imagineid_core.values import FaceBasis, Performance

ROUNDS, FILM_ROUNDS = 8, 12
Progress = Callable[[str, int, int], None]  # what is done, how far, of how much


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`rounds`: numbers of every metric. `skipped`: parts that cannot be measured on this machine.

    `failed`: parts and metrics that this suite does not even give a number for. `first`: the number
    of the first round.
    """

    rounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    espeak: str | None = None
    first: int = 0


def measure_quality(
    suite: Suite,
    held_out: HeldOut,
    *,
    parts: Sequence[str] = tuple(PARTS),
    rounds: int = ROUNDS,
    film_rounds: int = FILM_ROUNDS,
    first: int = 0,
    on_progress: Progress | None = None,
) -> Measured:
    """The numbers of these parts, in so many rounds from number `first` on."""
    of_films = range(first, first + film_rounds)
    bench = _Bench(suite, held_out, range(first, first + rounds), of_films, on_progress)
    found: dict[str, list[float]] = {}
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for number, part in enumerate(parts):
        if on_progress is not None:
            on_progress("parts", number, len(parts))
        if (lacking := bench.lacking(part)) is not None:
            skipped[part] = lacking
            continue
        wanted = [name for name, metric in QUALITY_METRICS.items() if metric.part == part]
        begun = time.perf_counter()
        try:
            made = getattr(bench, part)()
        except InputError as error:  # NaN, or a frame that shows nobody
            failed.update(dict.fromkeys(wanted, str(error)))
            continue
        finally:
            seconds[part] = round(time.perf_counter() - begun, 1)
        found |= {name: made[name] for name in wanted if name in made}
        missing = [name for name in wanted if name not in made]
        failed.update(dict.fromkeys(missing, "the suite lacks the network, or shows no background"))
    return Measured(
        rounds=found,
        skipped=skipped,
        failed=failed,
        seconds=seconds,
        espeak=held_out.espeak,
        first=first,
    )


class _Bench:
    """One method a part, named as the part is; without its network a part finds nothing."""

    def __init__(
        self,
        suite: Suite,
        held_out: HeldOut,
        rounds: range,
        of_films: range,
        on_progress: Progress | None,
    ) -> None:
        self.suite, self.held_out = suite, held_out
        self.rounds, self.of_films = rounds, of_films
        self.on_progress = on_progress

    def lacking(self, part: str) -> str | None:
        """Why a part cannot be measured here, whatever the suite."""
        sample = self.held_out.sample
        if part in ("sample", "words", "films") and not sample.is_file():
            return f"needs the voice {sample.name}, which lies in samples/ of the source tree"
        if part == "talkers" and self.held_out.espeak is None:
            return "needs espeak-ng, which is not installed"
        return None

    @cached_property
    def encoded(self) -> EncodedPeople:
        return EncodedPeople(model=self.suite.model, people=self.held_out.people)

    @cached_property
    def basis(self) -> FaceBasis:
        return load_face()

    @cached_property
    def performance(self) -> Performance:
        listener = self.suite.listener
        return perform(self.held_out.speech, listener.pad, seed=0, head=listener.head)

    def autoencoder(self) -> Found:
        return portraits.autoencoder(self.suite.model, self.held_out.people, self.rounds)

    def diffusion(self) -> Found:
        return portraits.diffusion(self.encoded, self.rounds)

    def spatial(self) -> Found:
        adapters = self.suite.adapters
        if adapters.spatial is None:
            return {}
        prompt = self.suite.model.recommended.prompt
        if adapters.textual is not None:
            prompt = adapters.textual.config.prompt
        return portraits.spatial(self.encoded, adapters.spatial, prompt, self.rounds)

    def words(self) -> Found:
        textual = self.suite.adapters.textual
        if textual is None:
            return {}
        return portraits.words(self.encoded, textual, self.performance, self.rounds)

    def blending(self) -> Found:
        adapters = self.suite.adapters
        if adapters.blending is None:
            return {}
        return portraits.blending(
            self.suite.model, adapters.blending, adapters.matting, self.held_out.people, self.rounds
        )

    def matting(self) -> Found:
        matting = self.suite.adapters.matting
        return (
            {} if matting is None else portraits.matting(matting, self.held_out.people, self.rounds)
        )

    def sample(self) -> Found:
        return voices.sample(self.suite.listener, self.held_out.speech, self.basis, self.rounds)

    def talkers(self) -> Found:
        return voices.talkers(self.suite.listener, self.held_out.talkers, self.basis, self.rounds)

    def films(self) -> Found:
        told = None if self.on_progress is None else partial(self.on_progress, "frames")
        return films(self.suite, self.performance, self.basis, self.of_films, on_progress=told)
