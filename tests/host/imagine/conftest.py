"""Our nodes over the real ComfyUI in this process, the Mini Suite, and adapters of random weights.

Run with an interpreter that has ComfyUI's packages, and COMFYUI_PATH naming a checkout.
"""

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import interpolate

ROOT = Path(__file__).parents[3]
NAME = "imagineid_pack_in_comfy"
SIZE = 128


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings inside ComfyUI and its packages are not ours."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def pack(comfy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModuleType]:
    """`pack("sampler")` is a module of ours."""
    if importlib.util.find_spec("torchsde") is None:
        pytest.skip(f"{sys.executable} has not the packages that ComfyUI needs")
    sys.path.insert(0, str(comfy_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from comfy.cli_args import args

        args.cpu = True
        import comfy.sd  # noqa: F401
        import folder_paths

        folder_paths.set_temp_directory(str(tmp_path_factory.mktemp("temp films")))
        spec = importlib.util.spec_from_file_location(
            NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
        importlib.import_module(f"{NAME}.nodes.sampler")
    return lambda name: importlib.import_module(f"{NAME}.nodes.{name}")


@pytest.fixture(autouse=True)
def _as_comfy_runs_nodes() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="session")
def suite(pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """The Mini Suite as ComfyUI has it: model, clip, vae, two conditionings."""
    with torch.inference_mode():
        model, clip, vae = pack("mini_suite").load_mini_suite()
        texts = [
            clip.encode_from_tokens_scheduled(clip.tokenize(text))
            for text in ("portrait of a person", "")
        ]
    return SimpleNamespace(model=model, clip=clip, vae=vae, positive=texts[0], negative=texts[1])


@pytest.fixture(scope="session")
def diffusers_suite(pack: Callable[[str], ModuleType]) -> Any:
    """The same weights as diffusers has them."""
    from imagineid_core.assets import IMAGINE, check_suite
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

    return load_stable_diffusion(check_suite(IMAGINE))


@pytest.fixture(scope="session")
def networks(pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """SCA, MBA and TIA of the Mini Suite's widths, with random weights."""
    from imagineid_core.imagine.mask_blending import MaskBlendingAdapter, MaskBlendingConfig
    from imagineid_core.imagine.spatial_condition import (
        SpatialConditionAdapter,
        SpatialConditionConfig,
    )
    from imagineid_core.imagine.textual_inversion import (
        TextualInversionAdapter,
        TextualInversionConfig,
    )

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        blending = MaskBlendingAdapter(MaskBlendingConfig(channels=(16,))).eval()
        blending.convs[0].weight.data += torch.eye(16)[:, :, None, None] * _middle()
        return SimpleNamespace(
            spatial=SpatialConditionAdapter(
                SpatialConditionConfig(channels=(64, 64, 128, 128), num_blocks=1)
            ).eval(),
            blending=blending,
            textual=TextualInversionAdapter(
                TextualInversionConfig(
                    identity_dim=6,
                    emotion_dim=5,
                    hidden_dim=7,
                    text_dim=128,
                    prompt="portrait of a person",
                )
            ).eval(),
        )


@pytest.fixture(scope="session")
def adapters(pack: Callable[[str], ModuleType], networks: SimpleNamespace) -> Any:
    """The same as the nodes hand them on."""
    ours = pack("adapters")
    return ours.AdapterBundle(
        textual=networks.textual,
        spatial=ours.patched(networks.spatial, like_unet=True),
        blending=ours.patched(networks.blending),
    )


def _middle() -> torch.Tensor:
    """Of a 3 x 3 kernel: what lets a picture through as it is."""
    kernel = torch.zeros(3, 3)
    kernel[1, 1] = 1
    return kernel


class Meshes(list):
    """What 3DMM Render hands on, with smooth pictures in place of faces."""

    performance = SimpleNamespace(motion=SimpleNamespace(fps=Fraction(25)))


def mesh_of(count: int, size: int = SIZE) -> Meshes:
    from imagineid_core.imagine.host import MeshPicture

    meshes = Meshes()
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        mouth, head = torch.zeros(2, 1, 1, size, size)
        mouth[..., size * 5 // 8 : size * 6 // 8, size * 3 // 8 : size * 5 // 8] = 1
        head[..., size // 4 : size * 7 // 8, size // 4 : size * 3 // 4] = 1
        coarse = torch.rand(1, 3, 8, 8, generator=generator) * 2 - 1
        colour = interpolate(coarse, (size, size), mode="bilinear")
        meshes.append(MeshPicture(colour=colour, mouth_mask=mouth, head_mask=head))
    return meshes


@pytest.fixture
def mesh() -> Callable[..., Meshes]:
    return mesh_of


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Lines of ComfyUI's log."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, listener = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(listener)
    root.setLevel(level)
