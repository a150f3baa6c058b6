"""One name for every face model; what is in the files is tested with their loaders."""

import pytest
import scipy.io
import torch

from imagineid_core.errors import WeightsError
from imagineid_core.face.basis import save_basis
from imagineid_core.face.load import load_face
from tests.parity import SEED, formula_weights


@pytest.fixture(scope="module")
def bfm_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("bfm папка") / "BFM_model_front.mat"
    scipy.io.savemat(path, formula_weights.face_model("small", SEED))
    return path


def test_our_own_face_needs_no_file():
    basis = load_face("open")
    assert basis.name == "open"
    assert basis is load_face()  # built once


def test_a_mat_file_is_bfm_and_a_saved_basis_is_itself(tmp_path, bfm_file):
    basis = load_face(bfm_file)
    assert basis.shape_basis.shape[-1] == 80
    assert basis.blink_expression is None  # BFM cannot blink on demand
    save_basis(tmp_path / "saved.safetensors", basis)
    assert torch.equal(load_face(tmp_path / "saved.safetensors").shape_basis, basis.shape_basis)


def test_a_saved_open_face_keeps_its_blink(tmp_path):
    save_basis(tmp_path / "open.safetensors", load_face("open"))
    again = load_face(tmp_path / "open.safetensors")
    assert torch.equal(again.blink_expression, load_face("open").blink_expression)


def test_what_is_no_face_model_is_named(tmp_path):
    with pytest.raises(WeightsError, match="face model gone.mat is not there"):
        load_face("gone.mat")
    with pytest.raises(WeightsError):
        load_face(tmp_path)  # an empty folder is no ICT-FaceKit
    (tmp_path / "broken.mat").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="broken.mat"):
        load_face(tmp_path / "broken.mat")
