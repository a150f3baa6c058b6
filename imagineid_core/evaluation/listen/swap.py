"""What A says, how B says it: the swap test of disentanglement (Eq. 7 with parts of two voices).

Knows nothing about corpora beyond the clips it is given.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.evaluation.lips import correlation, lip_gaps
from imagineid_core.evaluation.listen.heard_clips import HeardClip, stacked
from imagineid_core.evaluation.probes import fit_probe, folds
from imagineid_core.listen.emotion import EmotionNet
from imagineid_core.listen.progressive import emotion_from_style
from imagineid_core.values import FaceBasis

_NUM_FOLDS = 5


def swap_metrics(
    net: EmotionNet, clips: Sequence[HeardClip], basis: FaceBasis, *, seed: int
) -> dict[str, float | None]:
    """Every clip is A once, with the emotion of a clip B of another style drawn by `seed`.

    The probe that names emotions reads the clip's mean expression. It is fitted on the unswapped
    expressions of the other folds; both A and B are of the fold held out, and so are their
    sentences.
    """
    known = [clip for clip in clips if clip.clip.style is not None]
    styles = sorted({str(clip.clip.style) for clip in known})
    sentences = [clip.sentence for clip in known]
    if len(styles) < 2 or len(set(sentences)) < 2:
        return dict.fromkeys(_NAMES)
    fold = folds(sentences, min(_NUM_FOLDS, len(set(sentences))), seed)
    label = torch.tensor([styles.index(str(clip.clip.style)) for clip in known])
    expressions = stacked([mean_expression(clip.heard.emotion.expression[0]) for clip in known])
    draw = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in _NAMES}
    for number in range(fold.max() + 1):
        here = np.nonzero(fold == number)[0]
        fitted_on = torch.from_numpy(fold != number)
        if len(set(label[fitted_on].tolist())) < 2:
            continue
        names_emotion = fit_probe(expressions[fitted_on], label[fitted_on], len(styles))
        for a in here:
            others = [b for b in here if label[b] != label[a]]
            if not others:
                continue
            b = int(draw.choice(others))
            swapped = swap(net, known[a], known[b])
            gaps = lip_gaps(known[a].heard.identity.shape[0], swapped, basis)
            told = names_emotion(torch.stack([mean_expression(swapped), expressions[b]]))
            is_b = (told.argmax(dim=1) == label[b]).float().tolist()
            found["swap_lip_correlation"].append(correlation(gaps, known[a].gaps.heard))
            if (truth := known[a].gaps.truth) is not None:
                found["swap_lip_correlation_truth"].append(correlation(gaps, truth))
            found["swap_emotion"].append(is_b[0])
            found["swap_emotion_unswapped"].append(is_b[1])
    return {name: float(np.mean(values)) if values else None for name, values in found.items()}


def swap(net: EmotionNet, a: HeardClip, b: HeardClip) -> Float[Tensor, "frames expression"]:
    """The expression of A's content and shape in B's style (Eq. 7)."""
    emotion = emotion_from_style(
        net, b.heard.emotion.style, a.heard.content, a.heard.identity.shape
    )
    return emotion.expression[0]


def mean_expression(
    expression: Float[Tensor, "frames expression"],
) -> Float[Tensor, " expression"]:
    """Over the clip's frames, so that what is said averages out and how it is said remains."""
    return expression.mean(dim=0)


_NAMES = (
    "swap_lip_correlation",
    "swap_lip_correlation_truth",
    "swap_emotion",
    "swap_emotion_unswapped",
)
