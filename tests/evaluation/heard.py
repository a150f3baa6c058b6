"""Clips as perfect networks would hear them, from the truths of an in-memory corpus."""

from dataclasses import replace

import torch

from imagineid_core.evaluation.lips import lip_gaps
from imagineid_core.evaluation.listen.heard_clips import Gaps, HeardClip
from imagineid_core.face.open_face import expression_from_controls, open_face_basis
from imagineid_core.listen.pad import Heard
from imagineid_core.values import Content, Emotion, Identity
from tests.training.tiny_corpus import TinyCorpus

SPLIT = "train"


class OpenFaceCorpus(TinyCorpus):
    """The humming people of TinyCorpus with heads and lips of the open face."""

    def __init__(self, **options):
        super().__init__(shape=80, expression=64, **options)

    def load(self, name):
        clip = super().load(name)
        if clip.shape is not None:
            face = torch.Generator().manual_seed(sum(clip.speaker.encode()))
            clip = replace(clip, shape=torch.randn(80, generator=face))
        if clip.phonemes is None or clip.lip_expression is None:
            return clip
        width = {"a": 1.0, "o": 0.6, "s": 0.2, "m": 0.0}
        spoken = [width[one.symbol] for one in clip.phonemes if one.symbol in width]
        jaw = torch.tensor(spoken).repeat_interleave(clip.speech.num_frames // len(spoken))
        lips = expression_from_controls({"jaw_open": jaw})
        smile = expression_from_controls({"smile_L": torch.ones(1), "smile_R": torch.ones(1)})
        full = lips + (smile if clip.style == "shaking" else 0)
        return replace(clip, lip_expression=lips, expression=full)


def perfect_clips(corpus=None, split=SPLIT):
    corpus = corpus or OpenFaceCorpus()
    basis = open_face_basis()
    clips = [corpus.load(name) for name in corpus.names(split)]
    speakers = sorted({clip.speaker for clip in clips})
    styles = sorted({clip.style for clip in clips})
    return [perfect_clip(clip, speakers, styles, basis) for clip in clips]


def perfect_clip(clip, speakers, styles, basis):
    one_hot = torch.nn.functional.one_hot
    who = one_hot(torch.tensor(speakers.index(clip.speaker)), len(speakers)).float()
    how = one_hot(torch.tensor(styles.index(clip.style)), 64).float()
    heard = Heard(
        identity=Identity(shape=clip.shape[None], semantics=who[None]),
        content=Content(
            linguistic=clip.lip_expression[None], lip_expression=clip.lip_expression[None]
        ),
        emotion=Emotion(style=how[None, None], expression=clip.expression[None]),
    )
    gaps = lip_gaps(clip.shape, clip.expression, basis)
    lips = lip_gaps(clip.shape, clip.lip_expression, basis)
    return HeardClip(
        clip=clip,
        heard=heard,
        mel=torch.zeros(clip.speech.num_frames, 80),
        gaps=Gaps(heard=gaps, heard_lips=lips, truth=gaps, true_lips=lips),
    )
