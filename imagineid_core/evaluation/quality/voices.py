"""PAD and head motion on the bundled voice, whose lips nobody knows, and on voices with a truth.

Every number comes in rounds that differ in what means nothing: quiet noise, the seed of the head.
Knows nothing about pictures.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from imagineid_core.corpus.clip import Clip
from imagineid_core.corpus.talker.motion_process import talker_motion
from imagineid_core.evaluation.imagine.voices import Listener
from imagineid_core.evaluation.lips import correlation, envelope_correlation, silence_openness
from imagineid_core.evaluation.listen.heard_clips import hear_clip
from imagineid_core.evaluation.quality.held_out import with_noise
from imagineid_core.evaluation.quality.portraits import Found
from imagineid_core.listen.pad import listen
from imagineid_core.pipeline.perform import hear_windows, perform_heard
from imagineid_core.values import FaceBasis, MotionTrack, Speech

_HEADS, _TRUE_HEADS = 8, 40  # in a round; of the process that a network learned from


def sample(listener: Listener, speech: Speech, basis: FaceBasis, rounds: range) -> Found:
    """Lips follow the sound and shut in silence; the head moves as much as those it learned from.

    Without a network for the head there is no `head_motion`.
    """
    found: Found = {"voice_correlation": [], "silence_openness": []}
    for number in rounds:
        heard = listen(listener.pad, hear_windows(with_noise(speech, number)))
        performance = perform_heard(speech, heard, seed=0)
        openness = silence_openness(performance, speech, basis)
        found["voice_correlation"].append(envelope_correlation(performance, speech, basis))
        found["silence_openness"].append(np.nan if openness is None else openness)
        if listener.head is not None:
            seeds = range(number * _HEADS, (number + 1) * _HEADS)
            heads = [perform_heard(speech, heard, seed=one, head=listener.head) for one in seeds]
            spread = np.mean([_spread(one.motion) for one in heads])
            found.setdefault("head_motion", []).append(float(spread) / _true_spread(speech))
    return found


def talkers(listener: Listener, clips: Sequence[Clip], basis: FaceBasis, rounds: range) -> Found:
    """Against the truth of the lips, of the whole expression, and of the shape."""
    found: Found = {"lip_correlation": [], "expression_error": [], "shape_cosine": []}
    for number in rounds:
        lips, errors, cosines = [], [], []
        for clip in clips:
            noisy = replace(clip, speech=with_noise(clip.speech, number))
            heard = hear_clip(listener.pad, noisy, basis)
            assert heard.gaps.truth is not None
            assert clip.expression is not None
            assert clip.shape is not None
            lips.append(correlation(heard.gaps.heard, heard.gaps.truth))
            off = heard.heard.emotion.expression[0] - clip.expression
            errors.append(float(off.square().sum() / clip.expression.square().sum()))
            shape = heard.heard.identity.shape[0]
            cosines.append(float(torch.cosine_similarity(shape, clip.shape, dim=0)))
        found["lip_correlation"].append(float(np.mean(lips)))
        found["expression_error"].append(float(np.mean(errors)))
        found["shape_cosine"].append(float(np.mean(cosines)))
    return found


def _spread(motion: MotionTrack) -> float:
    return float(motion.pose[:, :3].std(dim=0).mean())


def _true_spread(speech: Speech) -> float:
    """Of the process whose heads the network learned, over clips of this length."""
    heads = [talker_motion(speech.num_frames, speech.fps, seed) for seed in range(_TRUE_HEADS)]
    return float(np.mean([_spread(head) for head in heads]))
