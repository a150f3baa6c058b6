import pytest
import torch

from imagineid_core.bench.render import bench_render, egg
from imagineid_core.errors import InputError


def test_the_egg_stands_for_the_bfm_face():
    mesh = egg()
    assert mesh.vertices.shape == (1, 35_709, 3)
    assert abs(len(mesh.triangles) - 70_789) <= 1
    a, b, c = mesh.vertices[0][mesh.triangles].unbind(1)
    outward = (torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(-1)
    assert (outward > 0).float().mean() > 0.999, "counter-clockwise seen from outside"


def test_every_case_is_timed_on_one_thread_and_the_threads_are_given_back():
    before = torch.get_num_threads()
    results = bench_render(num_runs=5)
    assert torch.get_num_threads() == before
    assert results["threads"] == 1
    for case in ("bfm_512", "bfm_224", "open_128"):
        for label in ("", "_mesh_frame"):
            assert 0 < results[f"{case}{label}_min_ms"] <= results[f"{case}{label}_ms"]


def test_too_few_runs_are_refused_by_number():
    with pytest.raises(InputError, match="num_runs is 2"):
        bench_render(num_runs=2)
