import numpy as np
import pytest
import torch

from imagineid_core.evaluation.imagine.probe_disturbance import (
    disturbed,
    partly_hidden,
    recoloured,
)

WAYS = (disturbed, partly_hidden, recoloured)


def draw(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def pictures():
    return torch.rand(64, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("way", WAYS)
def test_the_same_draw_shows_the_same(way, pictures):
    before = pictures.clone()
    shown = way(pictures, draw())
    assert shown.shape == pictures.shape
    assert torch.equal(shown, way(pictures, draw()))
    assert not torch.equal(shown, way(pictures, draw(1)))
    assert torch.equal(pictures, before)


def test_a_face_stays_about_where_it_is():
    pictures = torch.full((64, 3, 40, 40), -1.0)
    pictures[..., 8:14, 17:23] = 1.0
    shown = disturbed(pictures, draw())
    at = shown.mean(dim=1).flatten(1).argmax(dim=1)
    rows, columns = at // 40, at % 40
    assert ((rows > 5) & (rows < 17) & (columns > 13) & (columns < 27)).all()
    assert len(rows.unique()) > 3


def test_new_colours_leave_outlines(pictures):
    """Every channel is a line of one of the old ones, its slope and height by chance."""
    shown = recoloured(pictures, draw())
    old = pictures.flatten(2) - pictures.flatten(2).mean(dim=2, keepdim=True)
    new = shown.flatten(2) - shown.flatten(2).mean(dim=2, keepdim=True)
    alike = torch.einsum("bip,bjp->bij", new, old)
    alike = alike / (new.norm(dim=2)[:, :, None] * old.norm(dim=2)[:, None])
    best = alike.abs().max(dim=2)
    torch.testing.assert_close(best.values, torch.ones(64, 3), atol=1e-4, rtol=0)
    assert (best.indices.sort(dim=1).values == torch.arange(3)).all()  # each is used once
    signs = alike.gather(2, best.indices[..., None]).sign().squeeze(2)
    assert (signs == signs[:, :1]).all()  # a negative, or not
    assert 16 < int((signs[:, 0] < 0).sum()) < 48


def test_a_square_hides_a_little_of_each(pictures):
    is_hidden = (partly_hidden(pictures, draw()) != pictures).any(dim=1)
    counts = is_hidden.flatten(1).sum(dim=1)
    assert (counts > 0).all()
    assert (counts <= (24 / 3 + 1) ** 2).all()
    places = is_hidden.float().mean(dim=0)
    assert (places > 0).float().mean() > 0.9  # anywhere
