"""Synthetic talking people: voices of espeak-ng with faces that move to what they say."""

from imagineid_core.corpus.talker.augment import AugmentConfig, augmented
from imagineid_core.corpus.talker.build import build_talker_corpus
from imagineid_core.corpus.talker.corpus import TalkerCorpus, open_talker_corpus
from imagineid_core.corpus.talker.prosody import STYLES
from imagineid_core.corpus.talker.voices import Speaker

__all__ = [
    "STYLES",
    "AugmentConfig",
    "Speaker",
    "TalkerCorpus",
    "augmented",
    "build_talker_corpus",
    "open_talker_corpus",
]
