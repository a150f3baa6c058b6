import pytest
import torch

from imagineid_core.face.load import load_face
from imagineid_core.face.mesh import mesh_from
from imagineid_core.render.camera import Camera
from imagineid_core.render.mesh_frame import render_mesh_frame
from imagineid_core.training.mouth_picture import (
    _FOCAL,
    SIZE,
    Look,
    MouthCamera,
    mouth_part,
    random_look,
)
from imagineid_core.values import FaceCoefficients
from tests.face.egg import egg_face


@pytest.fixture(scope="module")
def basis():
    return egg_face()


def plain_look(basis, num_clips=1):
    return Look(
        texture=torch.zeros(num_clips, basis.texture_basis.shape[-1]),
        lighting=torch.zeros(num_clips, 27),
        pose=torch.zeros(num_clips, 6),
    )


def draw(basis, expression, look=None):
    look = plain_look(basis, len(expression)) if look is None else look
    shape = torch.zeros(len(expression), basis.shape_basis.shape[-1])
    return MouthCamera(basis)(shape, expression, look)


def test_the_cut_mesh_draws_the_pixels_of_the_whole_one(basis):
    """The renderer's own picture of the whole face, in grey, cropped at the same place."""
    expression = torch.tensor([[[0.5, 0.2, -0.3, 0.0, 0.4]]])
    ours = draw(basis, expression)[0, 0]
    zeros = plain_look(basis)
    whole = mesh_from(
        FaceCoefficients(shape=torch.zeros(1, 6), expression=expression[0], **vars(zeros)),
        basis,
    )
    lips = whole.vertices[0, basis.landmarks[48:68]]
    scale = _FOCAL / (10 - lips[:, 2])
    middle = (lips[:, :2] * scale[:, None] * torch.tensor([1.0, -1.0])).mean(dim=0)
    camera = Camera(
        height=SIZE,
        width=SIZE,
        focal=_FOCAL,
        centre=(SIZE / 2 - float(middle[0]), SIZE / 2 - float(middle[1])),
    )
    picture = (render_mesh_frame(whole, camera).colour[0] + 1) / 2
    grey = (picture * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0)
    # Normals differ where the cut runs, outside the crop; inside all is the same but rounding.
    torch.testing.assert_close(ours, grey, atol=1e-4, rtol=0)


def test_the_mouth_stays_in_the_middle_wherever_the_head_is(basis):
    look = plain_look(basis)
    moved = Look(
        texture=look.texture,
        lighting=look.lighting,
        pose=torch.tensor([[0.0, 0.0, 0.0, 0.3, -0.2, 0.0]]),
    )
    still = torch.zeros(1, 1, 5)
    # Seen from another side the perspective differs by a little.
    assert (draw(basis, still, look) - draw(basis, still, moved)).abs().mean() < 0.01


def test_the_jaw_is_not_followed_frame_by_frame(basis):
    """A crop centred on every frame would hide an opening jaw: frames of a clip share one."""
    opening = torch.zeros(1, 4, 5)
    opening[0, :, 0] = torch.linspace(0, 4, 4)
    together = draw(basis, opening)[0]
    alone = draw(basis, opening.transpose(0, 1))[:, 0]
    assert (together - alone).abs().max() > 0.01


def test_gradients_reach_shape_and_expression(basis):
    shape = torch.zeros(2, 6, requires_grad=True)
    expression = torch.zeros(2, 3, 5, requires_grad=True)
    MouthCamera(basis)(shape, expression, random_look(basis, 2, shape.device)).mean().backward()
    assert shape.grad.abs().sum() > 0
    assert (expression.grad[..., 0].abs() > 0).all(), "the jaw of every frame"


def test_the_face_model_is_not_saved_with_a_stage(basis):
    assert MouthCamera(basis).state_dict() == {}


def test_the_open_face_has_lips_in_the_crop():
    basis = load_face("open")
    part = mouth_part(basis)
    assert len(part.mean_vertices) < len(basis.mean_vertices) / 2
    assert part.mouth.sum() == basis.mouth.sum(), "all that lies behind the lips is kept"
    torch.testing.assert_close(
        part.mean_vertices[part.landmarks], basis.mean_vertices[basis.landmarks[48:68]]
    )
    picture = draw(basis, torch.zeros(1, 1, 64))[0, 0]
    assert picture.shape == (88, 88)
    assert (picture > 0).float().mean() > 0.9, "skin fills the crop"
