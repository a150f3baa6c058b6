"""Stages that train two parts at once, which the paper's recipe is compared with (Sec. 4.4).

TIA together with SCA, instead of one after the other; SCA together with the UNet, instead of a
frozen one. Knows nothing about which is better.
"""

import copy
from typing import Any

from torch import Tensor, nn

from imagineid_core.imagine.spatial_condition import Features, Latent, SpatialConditionAdapter
from imagineid_core.imagine.textual_inversion import TextualInversionAdapter, encode_text
from imagineid_core.training.noise_levels import fixed_timesteps, noised, squared_error
from imagineid_core.training.spatial_batches import SpatialBatch
from imagineid_core.training.spatial_stage import SpatialStage
from imagineid_core.training.voiced_frames import VoicedBatch


class WordsAndSpace(nn.Module):
    """TIA and SCA, called as SCA is."""

    def __init__(self, textual: TextualInversionAdapter, spatial: SpatialConditionAdapter) -> None:
        super().__init__()
        self.textual, self.spatial = textual, spatial

    def forward(
        self, mesh: Latent, identity: Latent | None = None, previous: Latent | None = None
    ) -> Features:
        return self.spatial(mesh, identity, previous)


class VoicedStage(SpatialStage[WordsAndSpace]):
    """SCA where Y holds the words of a voice, as in Eq. 9. TIA learns too unless it is frozen.

    In validation `none` is the error of TIA without SCA, and `others_penalty` what another voice's
    words cost there: 0 where words say nothing of the voice.
    """

    def _text(self, batch: SpatialBatch) -> Tensor:
        assert isinstance(batch, VoicedBatch)
        words = self.learned.textual(batch.semantics, batch.style[:, None])[:, 0]
        return encode_text(self.get_submodule("text_encoder"), batch.tokens, words).states

    def _examine(self, batch: SpatialBatch, text: Tensor, noise: Tensor) -> dict[str, Tensor]:
        assert isinstance(batch, VoicedBatch)
        figures = super()._examine(batch, text, noise)
        shown = noised(self._scheduler, batch.latents, noise, fixed_timesteps(batch.latents))
        words = self.learned.textual(batch.semantics, batch.style[:, None])[:, 0]
        encoder: Any = self.get_submodule("text_encoder")
        swapped = encode_text(encoder, batch.tokens, words.roll(1, dims=0)).states
        others = squared_error(self._predicted(shown, swapped, ()), shown) * shown.velocity_share
        return figures | {"others_penalty": others.mean() - figures["none"]}


class SpaceAndUnet(nn.Module):
    """SCA and a UNet of its own, called as SCA is."""

    def __init__(self, spatial: SpatialConditionAdapter, unet: nn.Module) -> None:
        super().__init__()
        self.spatial, self.unet = spatial, unet

    def forward(
        self, mesh: Latent, identity: Latent | None = None, previous: Latent | None = None
    ) -> Features:
        return self.spatial(mesh, identity, previous)


class OpenUnetStage(SpatialStage[SpaceAndUnet]):
    """SCA with a copy of the UNet that learns along, at a share of SCA's rate; the given UNet stays
    as it is. `none` is then the error of the copy without SCA: what it forgot."""

    def __init__(
        self,
        spatial: SpatialConditionAdapter,
        *,
        unet: nn.Module,
        text_encoder: nn.Module,
        scheduler: Any,
        coherent_share: float,
        rate_share: float = 0.1,
    ) -> None:
        opened = copy.deepcopy(unet).requires_grad_(True)
        super().__init__(
            SpaceAndUnet(spatial, opened),
            unet=None,
            text_encoder=text_encoder,
            scheduler=scheduler,
            coherent_share=coherent_share,
        )
        self.slow = {"unet": rate_share}
