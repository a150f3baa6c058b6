"""How much is made and measured: `whole` for a report, `quick` for a look at a tenth of the cost.

Knows nothing about how.
"""

from dataclasses import dataclass, field

from imagineid_core.evaluation.imagine.crop_probe import ProbeTraining
from imagineid_core.evaluation.imagine.picture_probes import ProbePlan


@dataclass(frozen=True, kw_only=True)
class ImaginePlan:
    """Counts of voices, clips and frames; steps and guidance are the model's own unless given."""

    num_steps: int | None = None
    guidance: float | None = None  # of first frames
    speakers: int = 12  # each in every style: frames in diverse mode
    part_speakers: int = 6  # of them, for pseudo-words alone and the mesh alone
    clips: int = 6  # in coherent mode, each of another speaker and style
    clip_frames: int = 40
    shuffled_clips: int = 3
    shuffled_frames: int = 32
    seeds: int = 8  # of one voice
    long_frames: int = 250  # of the clip that may drift; 0: not measured
    foreground_people: int = 60
    truth_people: int = 24
    measures_memory: bool = True
    probes: ProbePlan = field(default_factory=ProbePlan)


def whole() -> ImaginePlan:
    return ImaginePlan()


def quick() -> ImaginePlan:
    """No drift and no memory: they need 250 frames. The probes are weaker, and say so."""
    return ImaginePlan(
        speakers=2,
        part_speakers=1,
        clips=2,
        clip_frames=12,
        shuffled_clips=1,
        shuffled_frames=12,
        seeds=4,
        long_frames=0,
        foreground_people=12,
        truth_people=4,
        measures_memory=False,
        probes=ProbePlan(
            train_people=400,
            round_trips=40,
            held_out_people=25,
            mouth=ProbeTraining(num_steps=300),
            style=ProbeTraining(num_steps=300),
        ),
    )
