from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.corpus.clip import Phoneme
from imagineid_core.corpus.talker.emotion import expression_of, onset
from imagineid_core.corpus.talker.visemes import (
    lip_expression,
    lip_motion,
    vowel_emphasis,
)
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import (
    CONTROLS,
    EMOTIONS,
    controls_from_expression,
    open_face_basis,
)
from imagineid_core.values import PAPER_FPS

FPS = PAPER_FPS
SYMBOLS = ["p", "b", "m", "a", "u:", "s", "f", "w", "S", "t", "aI", "3:", "_", "h", "l", "T"]


def spoken(*sounds: str, start: float = 0.4, each: float = 0.1) -> list[Phoneme]:
    return [
        Phoneme(symbol=symbol, start=start + index * each, end=start + (index + 1) * each)
        for index, symbol in enumerate(sounds)
    ]


def lip_gap(expression: torch.Tensor) -> torch.Tensor:
    """dm between the middles of the lips (landmarks 62 and 66) on the mesh of the mean face."""
    basis = open_face_basis()
    upper, lower = basis.landmarks[62], basis.landmarks[66]
    rest = basis.mean_vertices[upper, 1] - basis.mean_vertices[lower, 1]
    moved = basis.expression_basis[upper, 1] - basis.expression_basis[lower, 1]
    return rest + expression @ moved


def test_silence_keeps_the_mouth_closed_and_at_rest():
    motion = lip_motion([Phoneme(symbol="_", start=0, end=2)], 50, FPS)
    assert torch.equal(lip_expression(motion), torch.zeros(50, 64))


def test_the_mouth_rests_before_the_first_and_after_the_last_sound():
    expression = lip_expression(lip_motion(spoken("a", "s", "a"), 50, FPS))
    times = (torch.arange(50) + 0.5) / 25
    at_rest = (times < 0.4 - 0.141) | (times > 0.7 + 0.141)
    assert torch.equal(expression[at_rest], torch.zeros(int(at_rest.sum()), 64))
    assert (lip_gap(expression)[(times > 0.42) & (times < 0.68)] > 0.01).all()


@pytest.mark.parametrize("consonant", ["p", "b", "m"])
@pytest.mark.parametrize("each", [0.02, 0.04, 0.09])
def test_the_lips_meet_in_at_least_one_frame_however_short_the_sound(consonant, each):
    for shift in torch.linspace(0, 0.04, 9).tolist():  # wherever the sound falls in a frame
        sounds = [
            Phoneme(symbol="A:", start=0.2 + shift, end=0.4 + shift),
            Phoneme(symbol=consonant, start=0.4 + shift, end=0.4 + shift + each),
            Phoneme(symbol="A:", start=0.4 + shift + each, end=0.7 + shift),
        ]
        gap = lip_gap(lip_expression(lip_motion(sounds, 30, FPS)))
        # 1e-6 dm: float32 coefficients of about 1 times a basis of about 0.1 dm.
        assert gap[9:14].min() < 1e-6  # from 0.38 s, as long as a frame lasts
        assert gap.max() > 0.08


@pytest.mark.parametrize("style", EMOTIONS)
def test_closures_survive_every_emotion_and_emotions_show(style):
    motion = lip_motion(spoken("m", "A:", "b", "i:", "p", "u:", "m"), 40, FPS)
    expression = expression_of(motion, style, 1.0, FPS)
    gap, shut = lip_gap(expression), motion.closure == 1
    # The squeezing of cheeks and nose in anger parts the middle of the lips by 0.14 mm of 10.
    assert gap[shut].max() < 0.25 * gap.mean()
    changed = (expression - lip_expression(motion)).abs().max()
    assert changed < 1e-6 if style == "neutral" else changed > 0.3


@settings(deadline=None)  # the first call builds the face
@given(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=12), st.floats(0.03, 0.25))
def test_every_control_stays_within_its_range(symbols, each):
    motion = lip_motion(spoken(*symbols, each=each), 60, FPS)
    for name, track in motion.controls.items():
        low = -1.0 if CONTROLS[name].is_signed else 0.0
        assert float(track.min()) >= low
        assert float(track.max()) <= 1.0
    assert float(lip_gap(lip_expression(motion)).min()) > -1e-5  # lips never cross


def test_rounding_begins_before_its_vowel_and_more_than_it_lingers():
    pucker = lip_motion(spoken("t", "t", "u:", "t", "t"), 40, FPS).controls["pucker"]
    times = (torch.arange(40) + 0.5) / 25
    before = pucker[(times - 0.55).abs().argmin()]  # 50 ms before the vowel
    after = pucker[(times - 0.75).abs().argmin()]  # 50 ms after it
    assert before > after > 0
    assert before > 0.25 * pucker.max()


def test_an_f_tucks_the_lip_under_the_teeth_and_nearly_closes():
    controls = lip_motion(spoken("A:", "f", "A:"), 40, FPS).controls
    frame = 13  # its middle is at 0.54 s, in the f
    assert controls["lower_lip_forward"][frame] < -0.5
    assert controls["jaw_open"][frame] < 0.5 * controls["jaw_open"].max()


def test_frame_i_shows_the_time_at_its_middle():
    """A vowel round the middle of frame 10 opens the mouth alike to either side of it."""
    vowel = Phoneme(symbol="A:", start=10.5 / 25 - 0.05, end=10.5 / 25 + 0.05)
    jaw = lip_motion([vowel], 25, FPS).controls["jaw_open"]
    assert jaw[10] == jaw.max() > 0.3
    # Times are float64: nothing but the rounding of float32 can differ.
    assert torch.allclose(jaw[:10], jaw[11:21].flip(0), atol=1e-6)
    assert jaw[7] > 0.02


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(30000, 1001), Fraction(60)])
def test_other_frame_rates_show_the_same_movement(fps):
    sounds = spoken("m", "A:", "s", "u:")
    num_frames = int(1.2 * fps)
    gap = lip_gap(lip_expression(lip_motion(sounds, num_frames, fps)))
    assert gap.max() > 0.04
    assert gap[0] == 0


def test_emphasis_opens_the_jaw():
    sounds = spoken("t", "A:", "t")
    usual = lip_motion(sounds, 30, FPS).controls["jaw_open"].max()
    stressed = lip_motion(sounds, 30, FPS, emphasis=[1.0, 1.3, 1.0]).controls["jaw_open"].max()
    assert stressed > 1.15 * usual


def test_loud_and_long_vowels_are_emphasised_whatever_the_clip_s_level():
    sounds = spoken("A:", "A:", "A:", "t", start=0.0, each=0.2)
    noise = torch.randn(16000, generator=torch.Generator().manual_seed(0)) * 0.1
    noise[3200:6400] *= 3
    factors = vowel_emphasis(sounds, noise, 16000)
    assert factors[1] > 1.2
    assert factors[3] == 1.0
    # The tiny floor under the logarithm is all that a change of level can move.
    assert vowel_emphasis(sounds, 0.1 * noise, 16000) == pytest.approx(factors, rel=1e-4)


def test_the_emotion_rises_smoothly_to_its_full_amount():
    rise = onset(50, FPS)
    assert rise[0] < 0.4
    assert rise[-1] == 1
    assert (rise.diff() >= 0).all()
    assert rise.diff().max() < 0.06


def test_the_expression_is_the_map_of_the_controls():
    motion = lip_motion(spoken("A:"), 20, FPS)
    back = controls_from_expression(lip_expression(motion))
    # 1e-5: a 64 x 64 solve in float32.
    assert torch.allclose(back["jaw_open"], motion.controls["jaw_open"], atol=1e-5)


def test_impossible_times_and_sizes_are_refused():
    backward = [Phoneme(symbol="a", start=1.0, end=0.5)]
    with pytest.raises(InputError, match="'a' runs from 1.0 to 0.5 s"):
        lip_motion(backward, 10, FPS)
    with pytest.raises(InputError, match="num_frames is 0"):
        lip_motion(spoken("a"), 0, FPS)
    with pytest.raises(InputError, match="emphasis has 2 values for 1 phonemes"):
        lip_motion(spoken("a"), 10, FPS, emphasis=[1.0, 1.0])
    with pytest.raises(InputError, match="style is 'bored'"):
        expression_of(lip_motion(spoken("a"), 10, FPS), "bored", 1.0, FPS)
