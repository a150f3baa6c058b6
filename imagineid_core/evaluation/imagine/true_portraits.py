"""Coherent frames against portraits of the same people, and I_id copied whole as the baseline.

The person's first portrait is I_id and the frame before; the mesh is another moment's. Copying it
is a strong baseline for whole frames, so the two are measured together. Knows nothing about voices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker
from imagineid_core.face.pose import PORTRAIT_PLACE
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import StableDiffusion
from imagineid_core.imagine.textual_inversion import prompt_ids, with_own_words
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise
from imagineid_core.values import PAPER_FPS, MotionTrack, Performance


@dataclass(frozen=True, kw_only=True)
class AgainstTruth:
    """One row a person. Pictures: I_id, the truth, what was made."""

    identity: Float[Tensor, "people 3 height width"]
    truth: Float[Tensor, "people 3 height width"]
    made: Float[Tensor, "people 3 height width"]
    figures: dict[str, float]


def against_truth(
    maker: ClipMaker, corpus: PeopleCorpus, names: Sequence[str], config: ImagineConfig
) -> AgainstTruth:
    """Means over people of the PSNR of whole frames and of mouths, made and copied."""
    rows, boxes = [], []
    for name in names:
        person = corpus.load(name)
        images = to_image(person.portrait[:2])
        coefficients = person.coefficients
        performance = Performance(
            shape=coefficients.shape[0],
            semantics=None,
            style=None,
            lip_expression=None,
            expression=coefficients.expression[:2],
            motion=_still_lids(coefficients.pose[:2], PAPER_FPS),
        )
        clip = maker.clip(
            f"truth_{name}", performance, config,
            prompt=_told_of(person.caption, maker.model), image=images[:1], heard=False,
        )  # fmt: skip
        rows.append((images[0], images[1], clip.frames[1]))
        boxes.append(person.mouth_box[1].long())
    identity, truth, made = (torch.stack(column) for column in zip(*rows, strict=True))
    box = torch.stack(boxes)
    figures = {}
    for suffix, images in (("", made), ("_copied", identity)):
        figures[f"truth_psnr{suffix}"] = float(peak_signal_to_noise(images, truth).mean())
        mouths = mouth_crops(images, box), mouth_crops(truth, box)
        figures[f"truth_mouth_psnr{suffix}"] = float(peak_signal_to_noise(*mouths).mean())
    return AgainstTruth(identity=identity, truth=truth, made=made, figures=figures)


def _told_of(caption: str, model: StableDiffusion) -> str:
    """The parts of a caption, from the first on, for which the text encoder has room."""
    parts = caption.split(", ")
    while parts:
        told = ", ".join(parts)
        try:
            prompt_ids(model.tokenizer, with_own_words(model.recommended.prompt, told))
        except InputError:
            parts.pop()
        else:
            return told
    return ""


def _still_lids(pose: Float[Tensor, "frames pose=6"], fps: Fraction) -> MotionTrack:
    """People have their place in their pose and their blinks in their expression."""
    place = torch.tensor([0.0, 0.0, 0.0, *PORTRAIT_PLACE])
    return MotionTrack(pose=pose - place, blink=torch.zeros(len(pose)), fps=fps)
