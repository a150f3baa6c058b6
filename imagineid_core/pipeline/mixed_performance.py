"""Whose face, whose words, whose feeling: one performance from up to three voices (Eq. 1-7).

Knows nothing about files or pictures.
"""

from dataclasses import replace

import torch

from imagineid_core.listen.pad import Pad, listen
from imagineid_core.listen.progressive import emotion_from_style, listen_content, listen_identity
from imagineid_core.pipeline.perform import hear_windows, performance_from
from imagineid_core.values import Performance, Speech


@torch.no_grad()
def mix_performance(
    performance: Performance,
    speech: Speech,
    pad: Pad,
    *,
    identity_from: Speech | None = None,
    emotion_from: Speech | None = None,
) -> Performance:
    """What `speech` says, by the person of one voice and with the feeling of another.

    The words are decoded again for the other face (Eq. 5) and the other feeling (Eq. 7), so lips
    fit the face they move. Head and blink stay those of `performance`.
    """
    if identity_from is None and emotion_from is None:
        return performance
    windows = hear_windows(speech)
    who = listen_identity(
        pad.identity, hear_windows(speech if identity_from is None else identity_from)
    )
    what = listen_content(pad.content, windows, who.shape)
    felt = listen(pad, hear_windows(speech if emotion_from is None else emotion_from)).emotion
    how = emotion_from_style(pad.emotion, felt.style, what, who.shape)
    timed = performance_from(speech, how.expression[0], performance.motion)
    lips = performance_from(speech, what.lip_expression[0], performance.motion)
    return replace(
        performance,
        shape=who.shape[0],
        semantics=who.semantics[0],
        style=how.style[0],
        lip_expression=lips.expression,
        expression=timed.expression,
    )
