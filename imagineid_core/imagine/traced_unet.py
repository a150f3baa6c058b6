"""A UNet whose usual calls are traced: of a small one on a CPU, Python is half of the work.

Equal to the bit. Knows nothing about what the calls are for.
"""

import dataclasses
import warnings
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from imagineid_core.imagine.stable_diffusion import StableDiffusion

_WORTH = 100  # calls of one kind before it is traced; tracing costs what some 150 traced ones save
_FEATURES = "down_intrablock_additional_residuals"
_Call = tuple[tuple[int, ...], ...]  # sizes of what is given


def quickened(model: StableDiffusion) -> StableDiffusion:
    """The same model; on a CPU with traced calls. What is changed in the UNet, change before."""
    if torch.device(model.unet.device).type != "cpu":
        return model
    return dataclasses.replace(model, unet=TracedUNet(model.unet))


class TracedUNet(nn.Module):
    """Stands in for a UNet of diffusers, which it asks for everything but its usual call."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.wrapped = unet
        self._calls: Counter[_Call] = Counter()
        self._traced: dict[_Call, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("wrapped"), name)

    def forward(
        self,
        sample: Tensor,
        timestep: Any,
        encoder_hidden_states: Tensor,
        return_dict: bool = True,
        **others: Any,
    ) -> Any:
        is_usual = not (return_dict or others.keys() - {_FEATURES} or torch.is_grad_enabled())
        if not is_usual or not isinstance(timestep, Tensor):
            return self.wrapped(
                sample, timestep, encoder_hidden_states, return_dict=return_dict, **others
            )
        given = (sample, timestep, encoder_hidden_states, *others.get(_FEATURES, ()))
        kind = tuple(tuple(one.shape) for one in given)
        if kind not in self._traced:
            self._calls[kind] += 1
            if self._calls[kind] < _WORTH:
                return _UsualCall(self.wrapped)(*given)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sizes become constants, as they shall
                call = _UsualCall(self.wrapped).eval()
                self._traced[kind] = torch.jit.trace(call, given, check_trace=False)
        return self._traced[kind](*given)


class _UsualCall(nn.Module):
    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, sample: Tensor, timestep: Tensor, text: Tensor, *features: Tensor
    ) -> tuple[Tensor]:
        steered = {_FEATURES: list(features)} if features else {}
        return self.unet(sample, timestep, text, return_dict=False, **steered)
