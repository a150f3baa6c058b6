import importlib.util
from typing import Any

import pytest
import torch

from imagineid_core.errors import MissingPackageError
from imagineid_core.render.camera import d3dfr_camera, project
from imagineid_core.render.rasterize import rasterize
from imagineid_core.render.rasterize_pytorch3d import rasterize_pytorch3d
from tests.render.heads import head

INSTALLED = importlib.util.find_spec("pytorch3d") is not None


@pytest.mark.skipif(INSTALLED, reason="pytorch3d is installed")
def test_without_pytorch3d_the_error_names_the_line_that_installs_it():
    with pytest.raises(MissingPackageError, match=r"pytorch3d[\s\S]*pip install"):
        rasterize_pytorch3d(torch.ones(1, 3, 3), torch.tensor([[0, 1, 2]]), 4, 4)


@pytest.mark.pytorch3d
@pytest.mark.skipif(not INSTALLED, reason="pytorch3d does not import")
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (80, 48)])
def test_both_rasterizers_see_the_same_head(height, width):
    mesh = head(yaws=(0.0, 0.6))
    screen = project(mesh.vertices, d3dfr_camera(height, width)).requires_grad_()
    ours, theirs = (
        draw(screen, mesh.triangles, height, width) for draw in (rasterize, rasterize_pytorch3d)
    )
    same = ours.triangle == theirs.triangle
    assert same.float().mean() >= 0.999, "pixel centres on edges may differ"
    # pytorch3d works in [-1, 1], so its float32 areas are good to about 1e-4 of a triangle here.
    torch.testing.assert_close(
        ours.barycentrics[same], theirs.barycentrics[same], atol=1e-3, rtol=0
    )
    torch.testing.assert_close(ours.depth[same], theirs.depth[same], atol=1e-3, rtol=0)
    weights = torch.rand(ours.barycentrics.shape, generator=torch.Generator().manual_seed(0))
    weights = weights * same[..., None]
    gradients = [
        torch.autograd.grad((each.barycentrics * weights).sum() + each.depth[same].sum(), screen)[0]
        for each in (ours, theirs)
    ]
    # Slivers have the largest gradients and the least digits: compare the whole field.
    assert (gradients[0] - gradients[1]).norm() <= 1e-2 * gradients[0].norm()


@pytest.mark.pytorch3d
@pytest.mark.skipif(not INSTALLED, reason="pytorch3d does not import")
def test_both_rasterizers_drop_and_cull_alike():
    mesh = head(yaws=(0.3,))
    screen = project(mesh.vertices, d3dfr_camera(48))
    cases: list[dict[str, Any]] = [{"near": 9.8}, {"far": 9.6}, {"near": 50.0}]
    cases.append({"cull_back_faces": True})
    for options in cases:
        ours, theirs = (
            draw(screen, mesh.triangles, 48, 48, **options).triangle
            for draw in (rasterize, rasterize_pytorch3d)
        )
        assert (ours == theirs).float().mean() >= 0.998, options
