"""How often each network is called, counted where the calls arrive.

Knows nothing about why they are called.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from imagineid_core.imagine.adapters import Adapters
from imagineid_core.imagine.stable_diffusion import StableDiffusion

PARTS = ("vae_encode", "sca", "unet", "vae_decode", "text")


def _whatever(_pictures: Tensor) -> str:
    return "vae_encode"


@contextmanager
def counted_calls(
    model: StableDiffusion,
    adapters: Adapters,
    encoding: Callable[[Tensor], str] = _whatever,
) -> Iterator[Counter[str]]:
    """Calls so far of `unet`, `vae_decode`, `text` and `sca`; of `vae_encode` the pictures.

    Pictures that are encoded count as what `encoding` calls them. Mask blending runs the VAE block
    by block, so the VAE is watched at its doors.
    """
    calls: Counter[str] = Counter(dict.fromkeys(PARTS, 0))

    def watch(name: str) -> Callable[..., None]:
        return lambda *_: calls.update([name])

    def encoded(_part: Any, given: tuple[Any, ...]) -> None:
        calls[encoding(given[0])] += len(given[0])

    hooks = [
        model.vae.encoder.conv_in.register_forward_pre_hook(encoded),
        model.vae.decoder.conv_in.register_forward_pre_hook(watch("vae_decode")),
        model.unet.register_forward_pre_hook(watch("unet")),
        model.text_encoder.register_forward_pre_hook(watch("text")),
    ]
    if adapters.spatial is not None:
        hooks.append(adapters.spatial.register_forward_pre_hook(watch("sca")))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()
