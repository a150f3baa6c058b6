"""Where MBA blends the background in, and whether it has a mask (Fig. 10, supplement Fig. 3).

Knows nothing about diffusion: the latent of a frame is taken from the true frame.
"""

from typing import Any

import torch
from torch import Tensor

from imagineid_core.evaluation.imagine.ablation.held_frames import HeldFrame, held_frames
from imagineid_core.evaluation.imagine.ablation.sheet import Pictures
from imagineid_core.evaluation.imagine.ablation.table import Rows, lower
from imagineid_core.evaluation.imagine.ablation.trials import Trials, num_learned
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.diffusers_host import Conditions, DiffusersHost
from imagineid_core.imagine.host import Denoising, Image, Latent
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter
from imagineid_core.imagine.textual_inversion import encode_text, prompt_ids
from imagineid_core.training.blending_stage import BlendingStage
from imagineid_core.training.perceptual_loss import EdgeDistance
from imagineid_core.training.train_adapters import new_blending

_AMPLIFIED = 4  # differences in pictures
_REGIONS = ("background", "foreground", "seam")

BLENDING_CLAIMS = (
    lower("without MBA the background is not preserved", "background", "none", "d"),
    lower("without a mask it still differs", "background", "a", "d"),
    lower("a mask in all layers solves it", "background", "a", "b"),
    lower("but leaves artifacts round the edges", "seam", "b", "d"),
    lower("the finest level alone is better than the two finest", "seam", "c", "d"),
)


def run_blending(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    held = held_frames(trials)
    rows: dict[str, dict[str, float]] = {}
    drawn: dict[str, list[Image]] = {"none": [_second_frame(trials, one, None) for one in held]}
    for variant in "abcd":
        sources = trials.sources.changed(variant=variant)
        preset, adapter = sources.preset, new_blending(sources)
        stage = BlendingStage(
            adapter,
            vae=sources.model.vae,
            perceptual=EdgeDistance(),
            perceptual_weight=preset.perceptual_weight,
        )
        figures = trials.trained(
            "blending",
            variant,
            stage,
            preset.blending_loop,
            sources.blending_batches(adapter.config),
        )
        rows.setdefault("none", {name: figures[f"{name}_plain"] for name in _REGIONS})
        rows[variant] = {name: figures[name] for name in _REGIONS}
        rows[variant] |= {"trainable": num_learned(adapter)}
        drawn[variant] = [_second_frame(trials, one, stage.learned) for one in held]
    pictures: dict[str, Pictures] = {
        "truth, matte": _in_turn(
            [one.truth for one in held], [2 * one.matte.expand(-1, 3, -1, -1) - 1 for one in held]
        )
    }
    for name, images in drawn.items():
        off = [_difference(image, one.truth) for image, one in zip(images, held, strict=True)]
        pictures[f"{name}, error x{_AMPLIFIED}"] = _in_turn(images, off)
    return rows, pictures


def _in_turn(above: list[Image], below: list[Image]) -> list[Image]:
    return [image for pair in zip(above, below, strict=True) for image in pair]


class _TrueLatents(DiffusersHost):
    """Where diffusion would give a latent, that of the true frame: only the decoding is judged."""

    latent: Tensor

    def denoise(self, noise: Latent, features: Conditions, way: Denoising) -> Latent:
        return self.latent


@torch.no_grad()
def _second_frame(trials: Trials, held: HeldFrame, adapter: MaskBlendingAdapter | None) -> Image:
    """Frame 2 of Alg. 1 behind the true frame before it."""
    model: Any = trials.sources.model
    nothing = encode_text(model.text_encoder, prompt_ids(model.tokenizer, "")).states
    host = _TrueLatents(
        model,
        text=nothing,
        unguided=nothing,
        blending=adapter,
        matte=lambda _: held.matte,
    )
    host.latent = host.encode(held.truth)
    frames = imagine(host, list(held.meshes[1:]), trials.sampler, image=held.previous)
    return list(frames)[1].frame


def _difference(image: Image, truth: Image) -> Image:
    return (_AMPLIFIED * (image - truth).abs() - 1).clamp(-1, 1)
