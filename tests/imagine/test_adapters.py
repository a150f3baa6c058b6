"""Models and adapters from folders, and the paper's three adapters in the whole loop."""

import itertools
import shutil
from collections import Counter
from dataclasses import replace

import pytest
import torch

from imagineid_core.checkpoint import save_checkpoint
from imagineid_core.errors import InputError, WeightsError
from imagineid_core.imagine import spatial_condition
from imagineid_core.imagine.adapters import Adapters, host_for, load_adapters
from imagineid_core.imagine.autoregressive import imagine
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import load_controlnet, load_stable_diffusion
from tests.imagine.tiny_diffusion import mesh_pictures, save_tiny_suite

CONFIG = ImagineConfig(seed=1, num_steps=2, meshes_ahead=4)
SEMANTICS, STYLE = torch.ones(6), torch.ones(1, 5)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    save_tiny_suite(folder)
    return folder


@pytest.fixture(scope="module")
def model(suite):
    return load_stable_diffusion(suite)


def headed(count):
    pictures = mesh_pictures(count)
    head = torch.zeros(1, 1, 64, 64)
    head[..., 16:44, 20:44] = 1
    return [replace(picture, head_mask=head) for picture in pictures]


def whole_host(model, suite, prompt="red hat", **options):
    told = {"semantics": SEMANTICS, "style": STYLE}
    return host_for(model, load_adapters(suite, model), prompt, **(told | options))


def clip(host, count=3):
    return [done.frame for done in imagine(host, headed(count), CONFIG)]


def test_the_papers_adapters_run_the_whole_loop_at_the_counted_cost(model, suite):
    host, counted = whole_host(model, suite), Counter()
    named = {
        "vae_encode": model.vae.encoder,
        "vae_decode": model.vae.decoder.mid_block,  # MBA runs the decoder block by block
        "unet": model.unet,
        "text": model.text_encoder,
        "sca": host.spatial,
    }
    hooks = [
        part.register_forward_hook(lambda *call, name=name: counted.update([name]))
        for name, part in named.items()
    ]
    counts = [counted.copy() for _ in imagine(host, headed(4), CONFIG)]
    for hook in hooks:
        hook.remove()
    for before, after in itertools.pairwise(counts[1:]):
        spent = {name: after[name] - before[name] for name in named}
        assert spent == {"vae_encode": 1, "sca": 1, "unet": 2, "vae_decode": 1, "text": 0}


def test_prompt_and_voice_reach_the_picture_and_two_runs_agree(model, suite):
    frames = clip(whole_host(model, suite), 2)
    again = clip(whole_host(model, suite), 2)
    assert all(torch.equal(one, other) for one, other in zip(frames, again, strict=True))
    for changed in (
        {"prompt": "hat"},
        {"semantics": -SEMANTICS},
        {"style": -STYLE},
        {"unwanted": "red"},
    ):
        assert not torch.equal(clip(whole_host(model, suite, **changed), 1)[0], frames[0])


def test_a_model_without_adapters_still_imagines(model):
    assert len(clip(host_for(model, Adapters(), "a face"))) == 3


def test_missing_adapters_are_told_and_an_empty_folder_is_an_error(model, suite, tmp_path, caplog):
    shutil.copy(suite / "spatial_condition.safetensors", tmp_path)
    adapters = load_adapters(tmp_path, model)
    assert adapters.missing == ("textual inversion", "mask blending")
    assert "no mask blending adapter" in caplog.text
    (tmp_path / "spatial_condition.safetensors").unlink()
    with pytest.raises(WeightsError, match="adapters not found"):
        load_adapters(tmp_path, model)


def test_adapters_of_another_width_are_refused(model, tmp_path):
    config = spatial_condition.SpatialConditionConfig(channels=(8, 8, 8, 8), num_blocks=1)
    save_checkpoint(
        tmp_path / "spatial_condition.safetensors",
        spatial_condition.SpatialConditionAdapter(config),
        architecture="spatial_condition",
        config=config,
    )
    with pytest.raises(WeightsError, match=r"\(8, 8, 8, 8\) channels but this UNet"):
        load_adapters(tmp_path, model)


def test_a_performance_without_a_voices_identity_is_refused(model, suite):
    with pytest.raises(InputError, match="needs theta_id and theta_e"):
        whole_host(model, suite, semantics=None)


def test_precision_is_chosen_and_the_vaes_apart(suite):
    model = load_stable_diffusion(suite, dtype=torch.bfloat16, vae_dtype=torch.float32)
    assert model.unet.dtype == model.text_encoder.dtype == torch.bfloat16
    assert model.vae.dtype == torch.float32
    adapters = load_adapters(suite, model)
    assert adapters.spatial is not None
    assert next(adapters.spatial.parameters()).dtype == torch.bfloat16
    assert clip(whole_host(model, suite), 2)[1].dtype == torch.float32


def test_the_models_own_noise_schedule_serves_any_scheduler(suite):
    model = load_stable_diffusion(suite, scheduler="UniPCMultistepScheduler")
    assert type(model.scheduler).__name__ == "UniPCMultistepScheduler"
    assert model.scheduler.config.prediction_type == "v_prediction"
    with pytest.raises(WeightsError, match="'euler' is not one of this diffusers"):
        load_stable_diffusion(suite, scheduler="euler")


def test_what_is_no_model_is_named(suite, tmp_path):
    with pytest.raises(WeightsError, match="model not found"):
        load_stable_diffusion(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="has no unet, vae"):
        load_stable_diffusion(tmp_path)
    with pytest.raises(WeightsError, match="ControlNet not found"):
        load_controlnet(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(suite, broken)
    for file in (broken / "unet").glob("*.safetensors"):
        file.write_bytes(b"cut off")
    with pytest.raises(WeightsError, match="unet cannot be loaded"):
        load_stable_diffusion(broken)
    (broken / "text_encoder_2").mkdir()
    with pytest.raises(WeightsError, match="two text encoders, as SDXL"):
        load_stable_diffusion(broken)


def test_a_single_file_needs_configs_beside_it(tmp_path):
    """diffusers would download them, even when told to use local files only."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="is one file.*no folder was given"):
        load_stable_diffusion(tmp_path / "model.safetensors")


def test_an_inpainting_unet_is_refused(suite, tmp_path):
    shutil.copytree(suite, tmp_path / "inpainting")
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(
        in_channels=9,
        block_out_channels=(8, 8),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        norm_num_groups=4,
        cross_attention_dim=12,
        attention_head_dim=2,
    )
    shutil.rmtree(tmp_path / "inpainting" / "unet")
    unet.save_pretrained(tmp_path / "inpainting" / "unet")
    with pytest.raises(WeightsError, match="takes 9 channels but its VAE gives 4"):
        load_stable_diffusion(tmp_path / "inpainting")
