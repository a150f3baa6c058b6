"""LoRA files as kohya, diffusers and PEFT write them, on Stable Diffusion's own classes."""

import pytest
import torch
from safetensors.torch import save_file

from imagineid_core.errors import WeightsError
from imagineid_core.imagine.lora import fold_lora
from tests.imagine.tiny_diffusion import tiny_model

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONVOLUTION = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.0.self_attn.q_proj"
FORMATS = {
    "kohya": {
        QUERY: ("lora_unet_" + QUERY.replace(".", "_"), "lora_down", "lora_up"),
        OUT: ("lora_unet_" + OUT.replace(".", "_"), "lora_down", "lora_up"),
        CONVOLUTION: ("lora_unet_" + CONVOLUTION.replace(".", "_"), "lora_down", "lora_up"),
        TEXT: ("lora_te_text_model_" + TEXT.replace(".", "_"), "lora_down", "lora_up"),
    },
    "peft": {
        QUERY: (f"unet.{QUERY}", "lora_A", "lora_B"),
        OUT: (f"unet.{OUT}", "lora_A", "lora_B"),
        CONVOLUTION: (f"unet.{CONVOLUTION}", "lora_A", "lora_B"),
        TEXT: (f"text_encoder.text_model.{TEXT}", "lora_A", "lora_B"),
    },
    "diffusers": {
        QUERY: (f"unet.{QUERY}", "lora.down", "lora.up"),
        OUT: (f"unet.{OUT}", "lora.down", "lora.up"),
        CONVOLUTION: (f"unet.{CONVOLUTION}", "lora.down", "lora.up"),
        TEXT: (f"text_encoder.text_model.{TEXT}", "lora_linear_layer.down", "lora_linear_layer.up"),
    },
    "older diffusers": {
        QUERY: (f"unet.{QUERY}".replace("to_q", "processor.to_q_lora"), "down", "up"),
        OUT: (f"unet.{OUT}".replace("to_out.0", "processor.to_out_lora"), "down", "up"),
    },
}
RANK, ALPHA = 2, 1.0


def factors(layer, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inwards = layer.weight.shape[1:]
    down = torch.randn(RANK, *inwards, generator=generator)
    up = torch.randn(len(layer.weight), RANK, *[1 for _ in inwards[1:]], generator=generator)
    return down, up


def layer_of(model, name):
    if name != TEXT:
        return model.unet.get_submodule(name)
    named = dict(model.text_encoder.named_modules())
    return next(layer for place, layer in named.items() if place.endswith(TEXT))


def lora_file(path, model, written, *, alpha=True):
    state = {}
    for name, (stem, down_name, up_name) in written.items():
        down, up = factors(layer_of(model, name))
        state[f"{stem}.{down_name}.weight"], state[f"{stem}.{up_name}.weight"] = down, up
        if alpha:
            state[f"{stem}.alpha"] = torch.tensor(ALPHA)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)
    return path


def fold(path, model, scale=1.0):
    return fold_lora(path, unet=model.unet, text_encoder=model.text_encoder, scale=scale)


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_every_way_of_writing_changes_the_weights_alike(written, tmp_path):
    model, before = tiny_model(), tiny_model()
    path = lora_file(tmp_path / "style.safetensors", model, written, alpha=QUERY in written)
    if "processor" in str(written):
        path = lora_file(tmp_path / "style.safetensors", model, written, alpha=False)
    strength = 1.0 if "processor" in str(written) else ALPHA / RANK
    assert fold(path, model, scale=0.5) == len(written)
    for name in written:
        changed, was = layer_of(model, name), layer_of(before, name)
        down, up = factors(was)
        product = torch.einsum("or,ri...->oi...", up.flatten(1), down)
        assert torch.allclose(changed.weight, was.weight + 0.5 * strength * product, atol=1e-5)
    untouched = "up_blocks.1.resnets.0.conv1.weight"
    assert torch.equal(model.unet.state_dict()[untouched], before.unet.state_dict()[untouched])


def test_a_folded_lora_is_the_two_small_layers_beside_the_large_one(tmp_path):
    model, before = tiny_model(), tiny_model()
    fold(lora_file(tmp_path / "a.safetensors", model, {QUERY: FORMATS["peft"][QUERY]}), model)
    tokens = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(3))
    down, up = factors(layer_of(before, QUERY))
    beside = layer_of(before, QUERY)(tokens) + ALPHA / RANK * tokens @ down.T @ up.T
    assert torch.allclose(layer_of(model, QUERY)(tokens), beside, atol=1e-5)


def assert_refused(state, tmp_path, told):
    model, before = tiny_model(), tiny_model()
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=told):
        fold(tmp_path / "other.safetensors", model)
    now = model.unet.state_dict()
    assert all(torch.equal(now[key], was) for key, was in before.unet.state_dict().items())


def test_a_lora_for_a_wider_model_is_refused_whole(tmp_path):
    state = {
        f"unet.{QUERY}.lora_A.weight": torch.zeros(2, 320),
        f"unet.{QUERY}.lora_B.weight": torch.zeros(320, 2),
        f"unet.{OUT}.lora_A.weight": torch.ones(2, 8),
        f"unet.{OUT}.lora_B.weight": torch.ones(8, 2),
    }
    assert_refused(
        state, tmp_path, "does not fit this model: 1 of 2 layers have another size.*to_q"
    )


@pytest.mark.parametrize(
    "key",
    [
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight",  # SDXL
        "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",  # SDXL
        f"unet.{QUERY}.hada_w1_a",  # LoHa
        f"unet.{QUERY}.dora_scale",
        "single_transformer_blocks.0.attn.to_q.lora_A.weight",  # Flux
    ],
)
def test_keys_of_another_model_or_method_are_named(key, tmp_path):
    assert_refused({key: torch.zeros(2, 8)}, tmp_path, "1 of 1 keys.*" + key.split(".")[-1])


def test_half_a_pair_is_refused(tmp_path):
    state = {f"unet.{QUERY}.lora_A.weight": torch.zeros(2, 8)}
    assert_refused(state, tmp_path, r"does not fit this model.*to_q")


def test_a_lora_changes_the_clip(tmp_path):
    from imagineid_core.imagine.autoregressive import imagine
    from imagineid_core.imagine.config import ImagineConfig
    from tests.imagine.tiny_diffusion import mesh_pictures, tiny_host

    def first_frame(model):
        config = ImagineConfig(num_steps=1, first_guidance=1)
        return next(imagine(tiny_host(model), mesh_pictures(1), config)).frame

    model = tiny_model()
    plain = first_frame(model)
    fold(lora_file(tmp_path / "a.safetensors", model, FORMATS["kohya"]), model)
    assert not torch.equal(first_frame(model), plain)
