"""Tiny random networks, humming people with named emotions, and a plan of a few frames."""

from dataclasses import replace

from imagineid_core.evaluation.imagine.crop_probe import ProbeTraining
from imagineid_core.evaluation.imagine.measure import Sources
from imagineid_core.evaluation.imagine.picture_probes import ProbePlan
from imagineid_core.evaluation.imagine.plan import ImaginePlan
from imagineid_core.evaluation.imagine.voices import Listener
from tests.evaluation.heard import OpenFaceCorpus
from tests.tiny import TINY, tiny_pad

_NAMES = {"calm": "neutral", "shaking": "happy"}
VOICE_DIM = TINY.width

PLAN = ImaginePlan(
    num_steps=2,
    guidance=2.0,
    speakers=2,
    part_speakers=1,
    clips=2,
    clip_frames=4,
    shuffled_clips=1,
    shuffled_frames=5,
    seeds=2,
    long_frames=6,
    foreground_people=1,
    truth_people=1,
    measures_memory=False,
    probes=ProbePlan(
        train_people=4,
        round_trips=2,
        held_out_people=2,
        mouth=ProbeTraining(num_steps=3, batch_size=8),
        style=ProbeTraining(num_steps=3, batch_size=8),
    ),
)


class MoodyCorpus(OpenFaceCorpus):
    """Moods have the names of the open face's emotions."""

    def load(self, name):
        clip = super().load(name)
        return replace(clip, style=_NAMES[clip.style])


def tiny_sources(people, corpus=None):
    return Sources(
        listener=Listener(pad=tiny_pad()), talkers=corpus or MoodyCorpus(), people=people
    )
