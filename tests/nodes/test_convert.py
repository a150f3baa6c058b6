"""ComfyUI's layouts to ours and back."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagineid_core.errors import InputError


def audio(waveform, rate=16_000):
    return {"waveform": waveform, "sample_rate": rate}


def test_pictures_come_back_as_they_went(pack):
    convert = pack("convert")
    images = torch.rand(2, 4, 6, 3, generator=torch.Generator().manual_seed(0))
    ours = convert.images_to_core(images)
    assert ours.shape == (2, 3, 4, 6)
    assert float(ours.min()) < -0.5  # [-1, 1]
    # one rounding each way
    torch.testing.assert_close(convert.images_from_core(ours), images, atol=1e-6, rtol=0)


def test_what_leaves_the_range_is_clipped_for_comfyui(pack):
    shown = pack("convert").images_from_core(torch.full((1, 3, 2, 2), 1.5))
    assert torch.equal(shown, torch.ones(1, 2, 2, 3))


def test_masks_gain_and_lose_their_channel(pack):
    convert = pack("convert")
    masks = torch.rand(2, 4, 6, generator=torch.Generator().manual_seed(0))
    assert convert.masks_to_core(masks).shape == (2, 1, 4, 6)
    assert convert.masks_to_core(masks[0]).shape == (1, 1, 4, 6)
    assert torch.equal(convert.masks_from_core(convert.masks_to_core(masks)), masks)


@given(rate=st.sampled_from([8_000, 16_000, 44_100, 48_000]), frames=st.integers(1, 20))
def test_a_sound_of_any_rate_has_the_frames_of_its_seconds(pack, rate, frames):
    sound = torch.zeros(1, 2, frames * rate // 25)
    speech = pack("convert").speech_from_audio(audio(sound, rate))
    assert speech.num_frames == frames
    assert len(speech.waveform) == frames * 640


def test_the_frame_rate_of_a_widget_snaps_to_ntsc(pack):
    assert pack("convert").fps_fraction(29.97) == Fraction(30000, 1001)


def test_speech_goes_out_as_audio(pack):
    given_out = pack("convert").audio_from(torch.zeros(640))
    assert given_out["waveform"].shape == (1, 1, 640)
    assert given_out["sample_rate"] == 16_000


@pytest.mark.parametrize(
    ("given_audio", "told"),
    [
        (audio(torch.zeros(1, 1, 0)), "audio is empty: it has 0 samples"),
        (audio(torch.zeros(2, 1, 900)), "audio holds 2 sounds"),
        ({"samples": torch.zeros(1, 4, 8, 8)}, "without a waveform"),
        (None, "audio is NoneType"),
        (audio(torch.full((1, 1, 900), float("nan"))), "NaN or infinite"),
        (audio(torch.zeros(1, 1, 100)), "one video frame at 25 fps needs 0.04 s"),
    ],
)
def test_a_sound_that_is_none_is_refused_by_name(pack, given_audio, told):
    with pytest.raises(InputError, match=told):
        pack("convert").speech_from_audio(given_audio)


def test_a_picture_with_alpha_and_a_latent_of_video_are_refused(pack):
    convert = pack("convert")
    with pytest.raises(InputError, match="4 channels but RGB needs 3"):
        convert.images_to_core(torch.zeros(1, 2, 2, 4))
    with pytest.raises(InputError, match="latent has 5 axes"):
        convert.latent_samples({"samples": torch.zeros(1, 4, 1, 8, 8)})


def test_memory_is_asked_for_before_it_is_full(pack):
    refuse = pack("convert").refuse_more_than_fits
    refuse(7_000, 10_000, "ten frames", "Make fewer.")
    with pytest.raises(InputError, match="ten frames would take 9.0 GB.* 10.0 GB are free. Make"):
        refuse(9_000_000_000, 10_000_000_000, "ten frames", "Make fewer.")
