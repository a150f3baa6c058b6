"""The BFM loader, on files with the keys and sizes of the real ones, made by formula."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from imagineid_core.errors import WeightsError
from imagineid_core.face.bfm import build_from_bfm2009, load_bfm
from imagineid_core.face.coefficient_vector import coefficients_from_vector
from imagineid_core.face.geometry import albedo_from, vertex_normals, vertices_from
from imagineid_core.face.landmarks import CAMERA_DISTANCE, d3dfr_landmarks
from imagineid_core.face.mesh import mesh_from
from imagineid_core.face.pose import rotation_matrices
from imagineid_core.values import FaceBasis
from tests.parity import SEED, assert_parity, formula_weights

SMALL = formula_weights.face_model("small", SEED)

# Limits of the golden README: twenty times the reference's own rounding in float32.
TOLERANCES = {
    "bfm_small": {
        "shape": 1e-5,
        "rotation_transposed": 1e-5,
        "normals_unposed": 5e-4,
        "albedo": 1e-5,
        "vertices_camera": 1e-4,
        "colour": 2e-4,
        "landmarks_yup": 3e-3,
    },
    "bfm_full": {
        "shape": 3e-5,
        "rotation_transposed": 1e-5,
        "normals_unposed": 2e-4,
        "albedo": 1e-5,
        "vertices_camera": 1e-4,
        "colour": 1e-4,
        "landmarks_yup": 2e-3,
    },
}


def written(folder: Path, **changes: np.ndarray | None) -> Path:
    path = folder / "BFM_model_front.mat"
    savemat(path, {key: value for key, value in {**SMALL, **changes}.items() if value is not None})
    return path


def reference_outputs(basis: FaceBasis) -> dict[str, torch.Tensor | np.ndarray]:
    vector = torch.from_numpy(formula_weights.coefficients("bfm:coeff", 3, SEED))
    coefficients = coefficients_from_vector(vector)
    shape = vertices_from(coefficients, basis)
    mesh = mesh_from(coefficients, basis)
    in_camera = mesh.vertices * torch.tensor([1.0, 1.0, -1.0])
    return {
        "shape": shape,
        "rotation_transposed": rotation_matrices(coefficients.pose[:, :3]).transpose(1, 2),
        "normals_unposed": vertex_normals(shape, basis.triangles),
        "albedo": albedo_from(coefficients, basis),
        "vertices_camera": in_camera + torch.tensor([0.0, 0.0, CAMERA_DISTANCE]),
        "colour": mesh.albedo * mesh.irradiance,
        "landmarks_yup": d3dfr_landmarks(mesh.vertices, mesh.landmarks),
    }


def test_a_small_model_gives_the_values_of_the_reference_code(tmp_path):
    outputs = reference_outputs(load_bfm(written(tmp_path)))
    assert_parity("bfm_small", outputs, TOLERANCES["bfm_small"])


def test_a_model_of_true_size_gives_the_values_of_the_reference_code(tmp_path):
    path = tmp_path / "BFM_model_front.mat"
    savemat(path, formula_weights.face_model("full", SEED))
    basis = load_bfm(path)
    assert basis.mean_vertices.shape == (35709, 3)
    assert basis.landmarks.tolist() == formula_weights.KEYPOINTS68
    assert int(basis.front.sum()) == 27660
    assert_parity("bfm_full", reference_outputs(basis), TOLERANCES["bfm_full"])


def test_means_may_be_rows_or_columns(tmp_path):
    rows = load_bfm(written(tmp_path))
    columns = load_bfm(
        written(tmp_path, meanshape=SMALL["meanshape"].T, meantex=SMALL["meantex"].T)
    )
    assert torch.equal(rows.mean_vertices, columns.mean_vertices)
    assert torch.equal(rows.mean_albedo, columns.mean_albedo)


def test_the_mean_face_is_recentred_and_the_bases_are_not(tmp_path):
    basis = load_bfm(written(tmp_path))
    # The mean of 500 float32 values near 1.
    torch.testing.assert_close(basis.mean_vertices.mean(dim=0), torch.zeros(3), atol=1e-6, rtol=0)
    assert torch.equal(basis.shape_basis.reshape(-1, 80), torch.from_numpy(SMALL["idBase"]))


def test_the_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "modèles de visage 顔"
    folder.mkdir()
    assert load_bfm(written(folder)).name == "bfm"


def test_a_file_without_its_keys_is_refused_with_a_list(tmp_path):
    with pytest.raises(WeightsError, match=r"front.mat lacks idBase, texBase; it holds exBase"):
        load_bfm(written(tmp_path, idBase=None, texBase=None))


def test_bfm_2009_itself_is_recognised(tmp_path):
    path = tmp_path / "01_MorphableModel.mat"
    savemat(path, {"shapePC": np.zeros((3, 2)), "tl": np.zeros((1, 3))})
    with pytest.raises(WeightsError, match="build_from_bfm2009"):
        load_bfm(path)


@pytest.mark.parametrize("name", ["tri", "keypoints", "frontmask2_idx", "point_buf"])
def test_indices_that_count_from_zero_are_refused(tmp_path, name):
    with pytest.raises(WeightsError, match=rf"{name} in .* starts at 0, so it counts from 0"):
        load_bfm(written(tmp_path, **{name: SMALL[name] - SMALL[name].min()}))


@pytest.mark.parametrize("name", ["tri", "keypoints", "frontmask2_idx"])
def test_indices_beyond_the_vertices_are_refused(tmp_path, name):
    with pytest.raises(WeightsError, match=rf"{name} in .* reaches .* there are 500 vertices"):
        load_bfm(written(tmp_path, **{name: SMALL[name] + 500}))


def test_triangles_shifted_by_one_are_caught_by_the_list_that_repeats_them(tmp_path):
    """From 0 but without vertex 0: the smallest index is 1, so the range alone shows nothing."""
    shifted = np.where(SMALL["tri"] > 1, SMALL["tri"] - 1, SMALL["tri"])
    with pytest.raises(WeightsError, match="point_buf in .* triangles round vertices"):
        load_bfm(written(tmp_path, tri=shifted))


def test_too_few_landmarks_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="keypoints in .* has 67 entries but 68"):
        load_bfm(written(tmp_path, keypoints=SMALL["keypoints"][:, :67]))


def test_a_basis_of_another_size_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"exBase in .* \(1500, 63\) .* needs \(1500, 64\)"):
        load_bfm(written(tmp_path, exBase=SMALL["exBase"][:, :63]))
    with pytest.raises(WeightsError, match="meantex in .* has 1497 values"):
        load_bfm(written(tmp_path, meantex=SMALL["meantex"][:, :1497]))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_a_damaged_file_is_refused_by_name(tmp_path, content):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-5000] if content is None else content)
    with pytest.raises(WeightsError, match="BFM_model_front.mat"):
        load_bfm(path)


def test_a_file_that_is_not_there_is_named_with_its_folder(tmp_path):
    with pytest.raises(WeightsError, match=r"BFM_model_front.mat not found in .*README"):
        load_bfm(tmp_path / "BFM_model_front.mat")


@pytest.fixture
def bfm2009(tmp_path) -> Path:
    """A BFM 2009 of 620 vertices: 560 of them in the expression mesh, 500 of those in front."""
    draw = np.random.default_rng(0)
    savemat(
        tmp_path / "01_MorphableModel.mat",
        {
            "shapePC": draw.normal(size=(1860, 99)).astype(np.float32) / 50,
            "shapeEV": draw.uniform(1e4, 2e4, (99, 1)),
            "shapeMU": np.zeros((1860, 1), np.float32),
            "texPC": draw.normal(size=(1860, 99)).astype(np.float32) / 50,
            "texEV": draw.uniform(10, 20, (99, 1)),
            "texMU": draw.uniform(60, 220, (1860, 1)),
        },
    )
    trimmed = np.sort(draw.choice(620, 560, replace=False)).astype(np.uint16) + 1
    front = np.sort(draw.choice(560, 500, replace=False)).astype(np.float32) + 1
    savemat(tmp_path / "BFM_exp_idx.mat", {"trimIndex": trimmed[:, None]})
    savemat(tmp_path / "BFM_front_idx.mat", {"idx": front[:, None]})
    topology = ("tri", "keypoints", "point_buf", "frontmask2_idx", "tri_mask2", "skinmask")
    savemat(tmp_path / "facemodel_info.mat", {key: SMALL[key] for key in topology})
    rows = trimmed[front.astype(int) - 1].astype(int) - 1
    mean = np.zeros((620, 3), np.float32)
    mean[rows] = SMALL["meanshape"].reshape(-1, 3) * 1e5
    from scipy.io import loadmat

    model = loadmat(tmp_path / "01_MorphableModel.mat")
    model["shapeMU"] = mean.reshape(-1, 1)
    savemat(tmp_path / "01_MorphableModel.mat", {k: v for k, v in model.items() if k[0] != "_"})
    components = draw.normal(size=(79, 1680)).astype(np.float32)
    content = np.int32(79).tobytes() + np.ones(1680, np.float32).tobytes() + components.tobytes()
    (tmp_path / "Exp_Pca.bin").write_bytes(content)
    (tmp_path / "std_exp.txt").write_text(" ".join(map(str, draw.uniform(1e3, 2e3, 79))))
    return tmp_path


def test_bfm_2009_is_built_by_the_recipe_of_the_reference(bfm2009):
    from scipy.io import loadmat

    basis = build_from_bfm2009(bfm2009)
    model = loadmat(bfm2009 / "01_MorphableModel.mat")
    trimmed = loadmat(bfm2009 / "BFM_exp_idx.mat")["trimIndex"].astype(int) - 1
    front = loadmat(bfm2009 / "BFM_front_idx.mat")["idx"].astype(int) - 1
    binary = np.fromfile(bfm2009 / "Exp_Pca.bin", dtype="<f4", offset=4).reshape(80, 560, 3)
    spread = np.loadtxt(bfm2009 / "std_exp.txt")
    for vertex in (0, 17, 499):
        in_trimmed = front[vertex, 0]
        row = 3 * trimmed[in_trimmed, 0] + 1  # the y coordinate
        np.testing.assert_allclose(
            basis.shape_basis[vertex, 1].numpy(),
            model["shapePC"][row, :80] * model["shapeEV"][:80, 0] / 1e5,
            rtol=1e-6,
        )
        np.testing.assert_allclose(
            basis.texture_basis[vertex, 1].numpy(),
            model["texPC"][row, :80] * model["texEV"][:80, 0] / 255,
            rtol=1e-6,
        )
        np.testing.assert_allclose(
            basis.expression_basis[vertex, 1].numpy(),
            binary[1:65, in_trimmed, 1] * spread[:64] / 1e5,  # row 0 is the unused mean
            rtol=1e-6,
        )
    expected = torch.from_numpy(SMALL["meanshape"].reshape(-1, 3))
    # The mean went through micrometres and back, in float32.
    torch.testing.assert_close(
        basis.mean_vertices, expected - expected.mean(dim=0), atol=1e-6, rtol=0
    )


def test_expressions_of_another_model_are_refused(bfm2009):
    path = bfm2009 / "Exp_Pca.bin"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(WeightsError, match="Exp_Pca.bin holds .* 560 vertices"):
        build_from_bfm2009(bfm2009)


@pytest.mark.parametrize(
    "name",
    [
        "01_MorphableModel.mat",
        "Exp_Pca.bin",
        "std_exp.txt",
        "BFM_front_idx.mat",
        "facemodel_info.mat",
    ],
)
def test_each_missing_source_is_named(bfm2009, name):
    (bfm2009 / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name} not found"):
        build_from_bfm2009(bfm2009)


def test_regions_hold_their_landmarks(tmp_path):
    basis = load_bfm(written(tmp_path))
    assert basis.mouth[basis.landmarks[48:60]].all()
    assert basis.eyes[basis.landmarks[36:48]].all()
