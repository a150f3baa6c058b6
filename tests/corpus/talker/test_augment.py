import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.corpus.talker.augment import (
    AugmentConfig,
    augmented,
    coarse,
    equalised,
    in_room,
    noisy,
    on_line,
    with_gain,
)
from imagineid_core.errors import InputError
from imagineid_core.values import SAMPLE_RATE


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def speech_like(num_samples: int = 16000) -> torch.Tensor:
    time = torch.arange(num_samples) / SAMPLE_RATE
    return 0.3 * torch.sin(2 * torch.pi * 200 * time) * torch.sin(2 * torch.pi * 3 * time).square()


def tone(hertz: float) -> torch.Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(16000) / SAMPLE_RATE)


def level(sound: torch.Tensor) -> float:
    return 20 * float(torch.log10(sound.square().mean().sqrt() + 1e-9))


@settings(deadline=None)  # the first call warms caches
@given(st.integers(0, 2**31), st.integers(3000, 20000))
def test_whatever_is_drawn_keeps_length_and_range_and_is_finite(seed, num_samples):
    sound = speech_like(num_samples)
    changed = augmented(sound, generator(seed))
    assert changed.shape == sound.shape
    assert changed.isfinite().all()
    assert float(changed.abs().max()) <= 1.0 + 1e-5  # float32 companding and back


def test_the_same_generator_gives_the_same_sound_and_the_input_is_left_alone():
    sound = speech_like()
    before = sound.clone()
    assert torch.equal(augmented(sound, generator(5)), augmented(sound, generator(5)))
    assert not torch.equal(augmented(sound, generator(5)), augmented(sound, generator(6)))
    assert torch.equal(sound, before)


def test_nothing_moves_in_time():
    """The highest correlation with a click stays at the click: filters are zero-phase."""
    click = torch.zeros(8000)
    click[4000] = 0.5
    for changed in (
        equalised(click, torch.tensor([6.0, -6.0, 3.0, -3.0, 8.0, -8.0])),
        in_room(click, 0.4, 4.0, generator()),
        noisy(click, 20.0, 1.0, generator()),
        on_line(click, 300.0, 3400.0),
        coarse(with_gain(click, -6.0), 8.0),
    ):
        assert int(changed.abs().argmax()) == 4000


def test_a_room_answers_after_the_sound_and_never_before():
    click = torch.zeros(8000)
    click[4000] = 0.5
    answer = in_room(click, 0.3, 10.0, generator())
    assert answer[:3990].abs().max() < 1e-6  # of a float32 Fourier transform
    assert answer[4060:6000].abs().max() > 1e-3


def test_noise_has_the_ratio_asked_for_and_falls_with_its_colour():
    sound = speech_like()
    noise = noisy(sound, 12.0, 0.0, generator()) - sound
    assert level(sound) - level(noise) == pytest.approx(12, abs=0.01)
    brown = noisy(sound, 0.0, 2.0, generator()) - sound
    power = torch.fft.rfft(brown).abs().square()
    assert power[100:1000].sum() > 5 * power[1000:].sum()


def test_a_line_passes_its_band_alone():
    assert level(on_line(tone(1000), 300, 3400)) == pytest.approx(level(tone(1000)), abs=0.1)
    assert level(on_line(tone(100), 300, 3400)) < level(tone(100)) - 30
    assert level(on_line(tone(7000), 300, 3400)) < level(tone(7000)) - 20


def test_gain_and_equaliser_are_in_decibels():
    assert level(with_gain(tone(300), -6.0)) == pytest.approx(level(tone(300)) - 6, abs=0.01)
    flat = equalised(tone(300), torch.full((6,), 5.0))
    assert level(flat) == pytest.approx(level(tone(300)) + 5, abs=0.01)


def test_coarse_samples_are_few():
    assert len(coarse(tone(300), 6.0).unique()) <= 2**6 + 1
    assert torch.allclose(coarse(tone(300), 14.0), tone(300), atol=1e-3)  # 8192 steps to each side


def test_a_chance_beyond_one_is_refused():
    with pytest.raises(InputError, match="noise is 1.5, a chance"):
        dataclasses.replace(AugmentConfig(), noise=1.5)
