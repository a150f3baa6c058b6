"""Trains SCA on a frozen diffusion model (Sec. 3.2, Eq. 9).

    L = mean w (target - theta(z_t, t, Y, F_sc))^2 / mean w
    t uniform, target as the scheduler predicts, w larger on eyes and mouth (1 in the paper)

Validation looks at ten fixed noise levels and measures in v, which weighs the noisy ones in which
layout is decided. Knows nothing about pictures; latents come in the UNet's scale.
"""

from typing import Any

import torch
from torch import Tensor, nn

from imagineid_core.imagine.spatial_condition import unet_residuals
from imagineid_core.training.noise_levels import (
    Noised,
    any_timestep,
    fixed_timesteps,
    noised,
    squared_error,
)
from imagineid_core.training.spatial_batches import SpatialBatch
from imagineid_core.training.stage import Net, Stage


class SpatialStage(Stage[Net]):
    """`learned` is SCA, or more that is called as SCA is; without a `unet`, it has one.

    In validation: the error of v `coherent` (all conditions), `diverse` (the mesh alone) and
    `none`; `of_none` is coherent / none, `wrong_mesh_penalty` what another frame's mesh costs.
    """

    def __init__(
        self,
        learned: Net,
        *,
        unet: nn.Module | None,
        text_encoder: nn.Module,
        scheduler: Any,
        coherent_share: float,
    ) -> None:
        super().__init__(learned)
        self._unet_is = "learned.unet"
        if unet is not None:
            self.hold("unet", unet)
            self._unet_is = "unet"
        self.hold("text_encoder", text_encoder)
        self._scheduler, self._coherent_share = scheduler, coherent_share

    def forward(self, batch: SpatialBatch) -> dict[str, Tensor]:
        text = self._text(batch)
        noise = torch.randn_like(batch.latents)
        if not self.training:
            return self._examine(batch, text, noise)
        timestep = any_timestep(self._scheduler, batch.latents)
        shown = noised(self._scheduler, batch.latents, noise, timestep)
        features = self.learned(batch.mesh, batch.identity, batch.previous)
        predicted = self._predicted(shown, text, features)
        return {"loss": squared_error(predicted, shown, batch.weights).mean()}

    def _examine(self, batch: SpatialBatch, text: Tensor, noise: Tensor) -> dict[str, Tensor]:
        shown = noised(self._scheduler, batch.latents, noise, fixed_timesteps(batch.latents))

        def error(*conditions: Tensor | None) -> Tensor:
            features = self.learned(*conditions) if conditions else ()
            wrong = squared_error(self._predicted(shown, text, features), shown)
            return (wrong * shown.velocity_share).mean()

        coherent = error(batch.mesh, batch.identity, batch.previous)
        wrong_mesh = error(batch.mesh.roll(1, dims=0), batch.identity, batch.previous)
        diverse, none = error(batch.mesh, None, None), error()
        share = self._coherent_share
        return {
            "loss": share * coherent + (1 - share) * diverse,
            "coherent": coherent,
            "diverse": diverse,
            "none": none,
            "of_none": coherent / none,
            "wrong_mesh_penalty": wrong_mesh - coherent,
        }

    def _predicted(self, shown: Noised, text: Tensor, features: tuple[Tensor, ...]) -> Tensor:
        unet: Any = self.get_submodule(self._unet_is)
        steered = {}
        if features:
            steered["down_intrablock_additional_residuals"] = unet_residuals(features)
        return unet(shown.noisy, shown.timestep, text, **steered).sample

    @torch.no_grad()
    def _text(self, batch: SpatialBatch) -> Tensor:
        encoder: Any = self.get_submodule("text_encoder")
        return encoder(batch.tokens).last_hidden_state
