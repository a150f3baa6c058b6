import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.video.lettering import lettered_strip
from imagineid_core.video.shown import Shown, resized

LABEL = "demonstration model, trained on synthetic people"


def half():
    """Dark on the left, bright on the right."""
    frame = torch.full((3, 32, 32), -0.5)
    frame[..., 16:] = 0.5
    return frame


def test_without_wishes_a_frame_is_shown_as_it_is():
    assert torch.equal(Shown()(half()), half())


def test_an_enlarged_frame_is_the_same_picture():
    shown = Shown(size=128)(half())
    assert shown.shape == (3, 128, 128)
    assert float(shown.abs().max()) <= 1  # Lanczos overshoots at edges
    torch.testing.assert_close(shown[..., :48], torch.full((3, 128, 48), -0.5), atol=0.05, rtol=0)
    small = torch.nn.functional.avg_pool2d(shown, 4)
    torch.testing.assert_close(small, half(), atol=0.2, rtol=0)


@pytest.mark.parametrize("size", [128, 512])
def test_a_label_stands_under_the_picture_and_nowhere_in_it(size):
    plain, labelled = Shown(size=size)(half()), Shown(size=size, label=LABEL)(half())
    assert torch.equal(labelled[:, : plain.shape[1]], plain)
    strip = labelled[:, plain.shape[1] :]
    assert strip.shape[1] % 2 == 0  # H.264 holds even sizes
    assert float(strip.max() - strip.min()) > 0.5  # there are letters
    edges = torch.cat([strip[..., :1], strip[..., -1:]], dim=2)
    assert torch.equal(edges, edges[:, :1, :1].expand_as(edges))  # which end inside it


def test_other_words_are_other_letters_and_long_ones_take_more_lines():
    colours = {"ink": (1, 1, 1), "paper": (-1, -1, -1)}
    one = lettered_strip("imagined", width=200, size=12, **colours)
    other = lettered_strip("recorded", width=200, size=12, **colours)
    assert one.shape == other.shape
    assert not torch.equal(one, other)
    assert lettered_strip(LABEL, width=100, size=12, **colours).shape[1] > 2 * one.shape[1]


def test_proportions_are_kept():
    assert resized(torch.zeros(3, 10, 20), 40).shape == (3, 20, 40)


@pytest.mark.parametrize("size", [0, -2, 33])
def test_sizes_that_no_film_holds_are_refused(size):
    with pytest.raises(InputError, match=f"shown size is {size} pixels. Use an even number"):
        Shown(size=size)
