import numpy as np
import pytest
import torch
from PIL import Image

from imagineid_core.errors import InputError
from imagineid_core.video.picture import load_picture, save_picture


def test_a_picture_survives_the_disk(tmp_path):
    picture = torch.randint(0, 256, (3, 7, 5)).float() / 127.5 - 1
    save_picture(picture, tmp_path / "новая é" / "a.png")
    torch.testing.assert_close(load_picture(tmp_path / "новая é" / "a.png"), picture)


def test_one_channel_is_grey_and_values_beyond_are_clipped(tmp_path):
    save_picture(torch.tensor([[[-3.0, 0.0, 3.0]]]), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        assert np.array(image).tolist() == [[0, 128, 255]]


def test_transparency_lies_on_black(tmp_path):
    Image.new("RGBA", (2, 2), (255, 255, 255, 0)).save(tmp_path / "a.png")
    assert (load_picture(tmp_path / "a.png") == -1).all()


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_files_that_are_no_picture_are_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="a.png cannot be read as a picture"):
        load_picture(tmp_path / "a.png")
    with pytest.raises(InputError, match="gone.png is not there"):
        load_picture(tmp_path / "gone.png")
