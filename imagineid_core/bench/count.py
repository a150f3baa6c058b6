"""What a coherent frame of Alg. 1 costs: calls of each network, and their operations at full size.

Calls are counted on diffusers' and transformers' own classes with the paper's adapters, at
a tiny size with random weights: numbers of calls depend on neither. Operations are those of Stable
Diffusion 1.5 at 512 pixels, on meta tensors, so nothing is computed. Knows nothing about speed.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from imagineid_core.errors import InputError
from imagineid_core.imagine.adapters import Adapters, host_for
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.calls import counted_calls
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.host import MeshPicture
from imagineid_core.imagine.mask_blending import MaskBlendingAdapter, MaskBlendingConfig
from imagineid_core.imagine.mini_suite import (
    MiniSuiteConfig,
    build_text_encoder,
    build_unet,
    build_vae,
    save_suite,
)
from imagineid_core.imagine.spatial_condition import (
    SpatialConditionAdapter,
    SpatialConditionConfig,
    unet_residuals,
)
from imagineid_core.imagine.stable_diffusion import StableDiffusion, load_stable_diffusion
from imagineid_core.imagine.textual_inversion import (
    TextualInversionAdapter,
    TextualInversionConfig,
)
from imagineid_core.imagine.tokenizer import vocabulary_of

SIZE = 512
PARTS = ("vae_encode", "mesh_encode", "sca", "unet", "vae_decode", "text")

TINY_SUITE = MiniSuiteConfig(
    size=64,
    vae_channels=(4, 4, 8, 8),
    vae_norm_groups=4,
    text_width=12,
    text_layers=1,
    text_heads=2,
    unet_channels=(8, 8, 16, 16),
    unet_layers=1,
    unet_heads=2,
    unet_norm_groups=4,
)
_VOICE = 6  # numbers in theta_id, and in theta_e


def bench_count(num_steps: int = ImagineConfig.num_steps) -> dict[str, Any]:
    """Calls a coherent frame, calls once a clip (`clip_...`), and TFLOP at full size.

    `mesh_encode` counts pictures, not calls: E(I_rd) is made for `meshes_together` at a time, ahead
    of the frames. `clip_vae_encode` has E(I_id) and F_ve of I_bg, which runs the encoder in part.
    `tflop` is that of a coherent frame, mesh included; a multiplication with its addition is two.
    """
    config = ImagineConfig(num_steps=num_steps)
    once, frame = count_calls(config)
    each = full_size_tflop()
    return {
        "bench": "count",
        "steps": num_steps,
        **frame,
        "meshes_together": config.meshes_ahead,
        **{f"clip_{name}": once[name] for name in ("vae_encode", "text")},
        "sca_parameters": full_size_parameters()["sca"],
        "size": SIZE,
        **{f"{name}_tflop": round(value, 4) for name, value in each.items()},
        "tflop": round(
            frame["unet"] * each["unet"]
            + frame["sca"] * each["sca"]
            + (frame["vae_encode"] + frame["mesh_encode"]) * each["vae_encode"]
            + frame["vae_decode"] * each["vae_decode"],
            3,
        ),
    }


def count_calls(config: ImagineConfig) -> tuple[dict[str, int], dict[str, int]]:
    """By part: what a clip costs beyond its frames, before the third; what a coherent frame costs.

    The clip is one group of meshes, at least four; its coherent frames must all cost the same.
    """
    meshes = [_mesh(number) for number in range(max(4, config.meshes_ahead))]
    with tempfile.TemporaryDirectory(prefix="count-") as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, adapters = _tiny_model(Path(folder))

        def encoding(pictures: Tensor) -> str:
            is_mesh = any(torch.equal(pictures[:1], mesh.colour) for mesh in meshes)
            return "mesh_encode" if is_mesh else "vae_encode"

        with counted_calls(model, adapters, encoding) as calls:
            voice = torch.ones(_VOICE)
            host = host_for(model, adapters, "a face", semantics=voice, style=voice[None])
            after = [calls.copy()]
            after += [calls.copy() for _ in imagine(host, meshes, config)]
    spent = [
        {name: late[name] - early[name] for name in PARTS if name != "mesh_encode"}
        for early, late in zip(after[1:-1], after[2:], strict=True)
    ]
    first, *steady = spent  # the first coherent frame also makes what the clip keeps
    if any(one != steady[0] for one in steady):
        raise InputError(
            f"coherent frames cost differently: {steady}. Count with a configuration without "
            "resync, where every frame takes the same way."
        )
    once = {name: first[name] - steady[0][name] + after[0][name] for name in first}
    seen, over = divmod(after[-1]["mesh_encode"], len(meshes))
    assert over == 0, "every mesh is encoded as often as every other"
    frame = {**steady[0], "mesh_encode": seen}
    return once, {name: frame[name] for name in PARTS}


def full_size_tflop() -> dict[str, float]:
    """TFLOP of one call of each part of SD1.5 at 512 pixels, batch 1; SCA with three latents."""
    from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]

    autoencoder: Any = AutoencoderKL  # whose annotations know tuples of one level only
    unet = _on_meta(_sd15_unet)
    vae = _on_meta(
        lambda: autoencoder(
            sample_size=SIZE,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
    )
    adapter = _on_meta(_paper_adapter)
    picture = torch.empty(1, 3, SIZE, SIZE, device="meta")
    latent = torch.empty(1, 4, SIZE // 8, SIZE // 8, device="meta")
    text = torch.empty(1, 77, 768, device="meta")
    time = torch.empty((), device="meta")
    with torch.no_grad():
        maps = unet_residuals(adapter(latent))
        return {
            "unet": _tflop(
                lambda: unet(
                    latent,
                    time,
                    encoder_hidden_states=text,
                    down_intrablock_additional_residuals=maps,
                )
            ),
            "vae_encode": _tflop(lambda: vae.encode(picture)),
            "vae_decode": _tflop(lambda: vae.decode(latent)),
            "sca": _tflop(lambda: adapter(latent, latent, latent)),
        }


def full_size_parameters() -> dict[str, int]:
    """Of the paper's SCA, and of the UNet of SD1.5 that it steers."""
    parts = {"sca": _on_meta(_paper_adapter), "unet": _on_meta(_sd15_unet)}
    return {name: num_parameters(part) for name, part in parts.items()}


def num_parameters(part: nn.Module) -> int:
    return sum(weight.numel() for weight in part.parameters())


def _tiny_model(folder: Path) -> tuple[StableDiffusion, Adapters]:
    words = vocabulary_of(["a", "face"])
    save_suite(
        folder,
        vae=build_vae(TINY_SUITE),
        text_encoder=build_text_encoder(TINY_SUITE, words),
        unet=build_unet(TINY_SUITE),
        vocabulary=words,
        about={},
    )
    adapters = Adapters(
        textual=TextualInversionAdapter(
            TextualInversionConfig(
                identity_dim=_VOICE,
                emotion_dim=_VOICE,
                hidden_dim=8,
                text_dim=TINY_SUITE.text_width,
            )
        ),
        spatial=SpatialConditionAdapter(
            SpatialConditionConfig(channels=TINY_SUITE.unet_channels, num_blocks=1)
        ),
        blending=MaskBlendingAdapter(MaskBlendingConfig(channels=TINY_SUITE.vae_channels[:1])),
    )
    return load_stable_diffusion(folder), adapters


def _mesh(number: int) -> MeshPicture:
    size = TINY_SUITE.size
    mouth, head = torch.zeros(1, 1, size, size), torch.zeros(1, 1, size, size)
    mouth[..., size // 2 : size * 5 // 8, size * 3 // 8 : size * 5 // 8] = 1
    head[..., size // 4 : size * 5 // 8, size * 3 // 8 : size * 5 // 8] = 1
    colour = torch.full((1, 3, size, size), number / 100)
    return MeshPicture(colour=colour, mouth_mask=mouth, head_mask=head)


def _paper_adapter() -> SpatialConditionAdapter:
    return SpatialConditionAdapter(SpatialConditionConfig())


def _sd15_unet() -> Any:
    from diffusers import UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]

    return UNet2DConditionModel(sample_size=SIZE // 8, cross_attention_dim=768)


def _on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build().eval()


def _tflop(call: Callable[[], object]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e12
