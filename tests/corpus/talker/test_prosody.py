import pytest
import torch

from imagineid_core.corpus.talker.prosody import STYLES, delivery_of, spoken_text, with_effort
from imagineid_core.errors import InputError
from imagineid_core.face.open_face import EMOTIONS
from imagineid_core.values import SAMPLE_RATE


def voice(seconds: float = 1.0) -> torch.Tensor:
    """A 120 Hz tone with harmonics in two syllables, then silence."""
    time = torch.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = sum(torch.sin(2 * torch.pi * 120 * k * time) / k for k in range(1, 20))
    syllables = torch.sin(2 * torch.pi * time).square() * (time < 0.75 * seconds)
    return 0.15 * tone * syllables


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_there_is_a_face_for_every_style():
    assert set(STYLES) == set(EMOTIONS)


def test_stronger_intensity_is_further_from_neutral():
    for style in ("happy", "sad", "afraid", "surprised"):
        neutral, weak, strong = (
            delivery_of(*how).pitch for how in (("neutral", 1.0), (style, 0.5), (style, 1.0))
        )
        assert abs(strong - neutral) > abs(weak - neutral) > 0


def test_the_speaker_s_tempo_counts():
    assert delivery_of("sad", 1.0, tempo=1.1).rate > delivery_of("sad", 1.0, tempo=0.9).rate


def test_a_style_ends_with_its_own_punctuation():
    assert spoken_text("Hello", "surprised") == "Hello?"
    assert spoken_text("Hello", "neutral") == "Hello."


@pytest.mark.parametrize("style", STYLES)
def test_effort_keeps_length_and_range_and_is_the_generator_s(style):
    sound = with_effort(voice(), style, 1.0, generator())
    assert sound.shape == voice().shape
    assert sound.abs().max() <= 1
    assert torch.equal(sound, with_effort(voice(), style, 1.0, generator()))


@pytest.mark.parametrize("style", STYLES)
def test_effort_moves_the_syllables_less_than_3_milliseconds(style):
    """Of the envelope: the vibrato moves by 1.3 ms at most, a tremor dents the syllables."""
    before, after = envelope(voice()), envelope(with_effort(voice(), style, 0.75, generator()))
    size = 2 * len(before)
    match = torch.fft.irfft(torch.fft.rfft(after, size) * torch.fft.rfft(before, size).conj())
    shift = int(match.argmax())
    assert min(shift, size - shift) < (0.003 if style != "afraid" else 0.030) * SAMPLE_RATE


def test_silence_stays_silent():
    """Breath follows the voice: where nobody speaks there is none."""
    for style in STYLES:
        sound = with_effort(voice(), style, 1.0, generator())
        assert sound[-1000:].abs().max() < 1e-3


def test_sad_is_dull_and_happy_bright():
    dull, usual, bright = (
        high_share(with_effort(voice(), style, 1.0, generator()))
        for style in ("sad", "neutral", "happy")
    )
    assert 3 * dull < usual < bright / 1.5


def test_an_angry_voice_is_pressed():
    """Clipping brings the mean nearer the peak."""
    usual, angry = (with_effort(voice(), style, 1.0, generator()) for style in ("neutral", "angry"))
    assert crest(angry) < 0.75 * crest(usual)


def test_a_frightened_voice_shivers():
    usual, afraid = (with_effort(voice(4), style, 1.0, generator()) for style in ("sad", "afraid"))
    assert shiver(afraid) > 4 * shiver(usual)


def test_unknown_styles_and_intensities_are_refused():
    with pytest.raises(InputError, match="style is 'bored'. Use one of: neutral"):
        delivery_of("bored", 1.0)
    with pytest.raises(InputError, match="intensity is 1.5"):
        with_effort(voice(), "sad", 1.5, generator())


def envelope(sound: torch.Tensor) -> torch.Tensor:
    kernel = torch.hann_window(801)[None, None]
    smooth = torch.nn.functional.conv1d(sound.abs()[None, None], kernel, padding=400)[0, 0]
    return smooth - smooth.mean()


def crest(sound: torch.Tensor) -> float:
    return float(sound.abs().max() / sound.square().mean().sqrt())


def high_share(sound: torch.Tensor) -> float:
    power = torch.fft.rfft(sound).abs().square()
    return float(power[torch.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > 1000].sum() / power.sum())


def shiver(sound: torch.Tensor) -> float:
    """Share of the envelope's movement between 5 and 8 Hz."""
    power = torch.fft.rfft(envelope(sound)).abs().square()
    hertz = torch.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    return float(power[(hertz > 5) & (hertz < 8)].sum() / power.sum())
