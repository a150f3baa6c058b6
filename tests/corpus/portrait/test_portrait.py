from dataclasses import replace

import numpy as np
import pytest
import torch

from imagineid_core.corpus.portrait import (
    coefficients_of,
    draw_person,
    portrait_pose,
    render_portrait,
)
from imagineid_core.corpus.portrait.attributes import (
    BACKDROPS,
    BEARDS,
    GARMENTS,
    GLASSES,
    HAIR_STYLES,
)
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import expression_from_controls

STILL = expression_from_controls({})


def picture(
    seed: int, size: int = 64, yaw: float = 0.0, roll: float = 0.0, controls=None, **changes
):
    person = draw_person(seed)
    expression = expression_from_controls(controls or {})
    return render_portrait(
        replace(person.attributes, **changes),
        coefficients_of(person, expression, portrait_pose(yaw=yaw, roll=roll)),
        size,
    )


def test_a_portrait_has_picture_matte_plate_and_mesh_frame_of_one_size():
    portrait = picture(3)
    assert portrait.image.shape == portrait.clean_plate.shape == (1, 3, 64, 64)
    assert portrait.matte.shape == (1, 1, 64, 64)
    assert portrait.mesh_frame.colour.shape == (1, 3, 64, 64)
    for image in (portrait.image, portrait.clean_plate):
        assert image.min() >= -1
        assert image.max() <= 1
    assert portrait.matte.min() == 0
    assert portrait.matte.max() == 1


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_seed_gives_the_same_picture(seed):
    first, second = picture(seed), picture(seed)
    assert torch.equal(first.image, second.image)
    assert first.caption == second.caption


def test_the_plate_shows_where_the_person_is_not():
    portrait = picture(5, yaw=0.3)
    outside = (portrait.matte == 0).expand(-1, 3, -1, -1)
    assert outside.any()
    assert torch.equal(portrait.image[outside], portrait.clean_plate[outside])


def test_the_plate_does_not_change_when_the_person_moves():
    still, moved = picture(6), picture(6, yaw=0.4, controls={"jaw_open": 0.8})
    assert torch.equal(still.clean_plate, moved.clean_plate)
    assert not torch.equal(still.matte, moved.matte)


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_hair_and_head_fill_the_frame_and_stay_inside(style):
    covered = picture(2, hair_style=style).matte[0, 0].amax(dim=1) > 0
    top = int(covered.nonzero()[0])
    assert top >= 0
    # Hair and head down to the chin take about three quarters; the crown lies in the top sixth.
    assert top <= 64 / 6


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_the_face_is_not_covered_by_hair(style):
    """Eyes, nose and mouth look the same under every style."""
    portrait, bald = picture(4, hair_style=style), picture(4, hair_style="bald")
    marks = bald.mesh_frame.landmarks[0, [*range(27, 68)]]
    low, high = marks.amin(0).int() + 1, marks.amax(0).int()
    box = (..., slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    assert torch.allclose(portrait.image[box], bald.image[box], atol=1e-5)


@pytest.mark.parametrize("roll", [-0.3, 0.3])
def test_hair_tilts_with_the_head(roll):
    def middle_of_hair(roll: float) -> float:
        hair, bald = (picture(1, roll=roll, hair_style=style) for style in ("afro", "bald"))
        added = (hair.matte - bald.matte).clamp_min(0)[0, 0].sum(0)
        return float((added * torch.arange(64)).sum() / added.sum())

    # Counter-clockwise, so to the viewer's left; 1.5 dm above the neck at 21 pixels a dm.
    assert middle_of_hair(roll) - middle_of_hair(0.0) == pytest.approx(-30 * roll, abs=4)


def test_a_mouth_that_opens_changes_the_mouth_and_not_the_hair():
    shut, opened = picture(9, beard="none"), picture(9, controls={"jaw_open": 0.6}, beard="none")
    changed = (shut.image - opened.image).abs().amax(1)[0] > 0.02
    rows = changed.any(dim=1).nonzero()
    brow = float(shut.mesh_frame.landmarks[0, 27, 1])
    assert changed.any()
    assert rows.min() > brow


def test_rims_of_glasses_are_two_pixels_thick_at_128():
    with_them = picture(8, size=128, glasses="square", glasses_colour="black", hair_style="bald")
    without = picture(8, size=128, glasses="none", hair_style="bald")
    changed = ((with_them.image - without.image).abs().amax(1)[0] > 0.05).float()
    eye = with_them.mesh_frame.landmarks[0, 42:48].mean(0)
    column = changed[int(eye[1]) - 14 : int(eye[1]) + 14, int(eye[0])]
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], column.numpy(), [0]]))))[::2]
    assert len(runs) == 2  # the rim above and the rim below the eye
    assert runs.min() >= 2


@pytest.mark.parametrize("garment", GARMENTS)
def test_some_cloth_shows_at_the_bottom(garment):
    rgb = (0.1, 0.9, 0.1)
    portrait = picture(11, garment=garment, garment_rgb=rgb, garment_striped=False, beard="none")
    bottom = portrait.image[0, :, -5:]
    is_green = (bottom[1] > bottom[0] + 0.2) & (bottom[1] > bottom[2] + 0.2)
    assert is_green.float().mean() > 0.25


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_every_backdrop_is_the_same_picture_at_every_size(backdrop):
    small = picture(12, size=32, backdrop=backdrop).clean_plate
    large = picture(12, size=64, backdrop=backdrop).clean_plate
    averaged = torch.nn.functional.avg_pool2d(large, 2)
    # Hard edges of stripes and circles fall inside pixels; the mean difference is what counts.
    assert (averaged - small).abs().mean() < 0.03


@pytest.mark.parametrize("beard", [beard for beard in BEARDS if beard not in ("none", "stubble")])
def test_beards_darken_the_jaw_of_a_light_face(beard):
    # Stubble is painted on the skin: a coefficient, not a mesh (see test_person).
    changes = {"hair_rgb": (0.05, 0.05, 0.05), "hair_style": "bald", "glasses": GLASSES[0]}
    person = draw_person(13)
    attributes = replace(person.attributes, beard=beard, **changes)
    bare = replace(person.attributes, beard="none", **changes)
    coefficients = coefficients_of(person, STILL, portrait_pose())
    shown = render_portrait(attributes, coefficients, 64).image
    clean = render_portrait(bare, coefficients, 64).image
    assert (clean - shown).clamp_min(0).sum() > 20


def test_more_than_one_frame_is_refused():
    person = draw_person(0)
    two = coefficients_of(person, STILL.expand(2, -1), portrait_pose())
    with pytest.raises(InputError, match="coefficients hold 2 frames but a portrait is one"):
        render_portrait(person.attributes, two)
