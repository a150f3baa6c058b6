import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imagineid_core.corpus.talker import espeak
from imagineid_core.corpus.talker.espeak import Delivery, has_espeak, synthesise
from imagineid_core.errors import InputError, MissingPackageError

needs_espeak = pytest.mark.skipif(
    not has_espeak(), reason="needs libespeak-ng.so.1 of the Debian package espeak-ng"
)
SENTENCE = "The happy baby bought a big measure of butter."
OTHER = "Six thin fishes swim south."


@needs_espeak
def test_a_sentence_is_bit_identical_alone_and_after_others():
    alone = synthesise(SENTENCE, variant="f2")
    synthesise(OTHER, variant="whisper")
    after = synthesise(SENTENCE, variant="f2")
    assert torch.equal(alone.waveform, after.waveform)
    assert alone.phonemes == after.phonemes


@needs_espeak
def test_a_sentence_is_bit_identical_in_another_process():
    code = (
        "import hashlib; from imagineid_core.corpus.talker.espeak import synthesise; "
        f"spoken = synthesise({SENTENCE!r}, variant='f2'); "
        "print(hashlib.sha256(spoken.waveform.numpy().tobytes()).hexdigest())"
    )
    import hashlib

    here = synthesise(SENTENCE, variant="f2")
    root = str(Path(__file__).parents[3])
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        check=True,
        text=True,
    )
    assert there.stdout.strip() == hashlib.sha256(here.waveform.numpy().tobytes()).hexdigest()


@needs_espeak
def test_every_s_has_its_energy_above_4_kilohertz():
    """Sample-exact times: a label some frames off would hear a vowel."""
    spoken = synthesise("Sam sees six nice sailors pass the sea.")
    sounds = [phoneme for phoneme in spoken.phonemes if phoneme.symbol == "s"]
    assert len(sounds) >= 5
    for sound in sounds:
        start, end = (round(time * spoken.sample_rate) for time in (sound.start, sound.end))
        assert high_share(spoken.waveform[start:end], spoken.sample_rate) > 0.75
    vowel = next(phoneme for phoneme in spoken.phonemes if phoneme.symbol == "aI")
    start, end = (round(time * spoken.sample_rate) for time in (vowel.start, vowel.end))
    assert high_share(spoken.waveform[start:end], spoken.sample_rate) < 0.2


@needs_espeak
def test_a_stop_begins_with_its_silence_and_not_at_its_burst():
    """espeak reports the burst: lips that shut only then would lag 40 ms behind the sound."""
    spoken = synthesise("A copper apple, a paper map, happy people.")
    rate, checked = spoken.sample_rate, 0
    for before, sound in zip(spoken.phonemes, spoken.phonemes[1:], strict=False):
        if sound.symbol == "p" and not before.symbol.startswith("_"):
            held = spoken.waveform[round(sound.start * rate) : round((sound.start + 0.03) * rate)]
            last = spoken.waveform[round((before.end - 0.02) * rate) : round(before.end * rate)]
            assert held.abs().max() < 0.02 * spoken.waveform.abs().max()
            assert last.abs().max() > 2 * held.abs().max()
            checked += 1
    assert checked >= 5


@needs_espeak
def test_phonemes_fill_the_sound_without_gaps():
    spoken = synthesise(SENTENCE)
    assert spoken.phonemes[0].start == 0
    assert spoken.phonemes[-1].end == len(spoken.waveform) / spoken.sample_rate
    for sound, following in zip(spoken.phonemes, spoken.phonemes[1:], strict=False):
        assert sound.start < sound.end == following.start


@needs_espeak
def test_a_faster_delivery_is_shorter_and_a_louder_one_louder():
    usual = synthesise(SENTENCE)
    fast = synthesise(SENTENCE, delivery=Delivery(rate=260))
    quiet = synthesise(SENTENCE, delivery=Delivery(volume=30))
    assert len(fast.waveform) < 0.8 * len(usual.waveform)
    assert quiet.waveform.abs().max() < 0.5 * usual.waveform.abs().max()


@needs_espeak
def test_a_misspelt_variant_is_refused_though_espeak_would_take_the_plain_voice():
    with pytest.raises(InputError, match="'f22' is not in .*Use one of"):
        synthesise(SENTENCE, variant="f22")


@needs_espeak
def test_synthesis_goes_on_after_a_refusal():
    """Once an error left espeak's thread running while its code was unloaded: the next one hung."""
    with pytest.raises(InputError):
        synthesise(SENTENCE, variant="nobody")
    assert len(synthesise(SENTENCE).waveform) > 0


@needs_espeak
def test_a_library_that_another_holds_is_refused_because_its_state_would_stay():
    held = espeak._load()
    try:
        with pytest.raises(InputError, match="already loaded in this process"):
            synthesise(SENTENCE)
    finally:
        espeak._unload(held)
    assert len(synthesise(SENTENCE).waveform) > 0


@needs_espeak
def test_a_folder_without_data_is_refused_though_espeak_would_take_its_own(tmp_path):
    with pytest.raises(InputError, match="no data in .*nowhere"):
        synthesise(SENTENCE, data_folder=tmp_path / "nowhere" / "espeak-ng-data")


@pytest.mark.parametrize("text", ["", " ... ", "nul\0l"])
def test_text_with_nothing_to_speak_is_refused(text):
    with pytest.raises(InputError, match="nothing to speak"):
        synthesise(text)


@pytest.mark.parametrize(
    ("name", "value"), [("pitch", 100), ("pitch_range", -1), ("rate", 79), ("volume", 201)]
)
def test_a_delivery_out_of_range_names_what_and_how_far(name, value):
    with pytest.raises(InputError, match=f"{name} is {value} but espeak takes"):
        synthesise(SENTENCE, delivery=dataclasses.replace(Delivery(), **{name: value}))


def test_a_missing_library_names_the_package(monkeypatch):
    monkeypatch.setattr(espeak, "_LINUX", ("libnosuchthing.so.9",))
    monkeypatch.setattr(sys, "platform", "linux")
    assert not has_espeak()
    with pytest.raises(MissingPackageError, match=r"libnosuchthing.*apt install espeak-ng"):
        synthesise(SENTENCE)


def high_share(sound: torch.Tensor, sample_rate: int) -> float:
    power = torch.fft.rfft(sound).abs().square()
    high = torch.fft.rfftfreq(len(sound), 1 / sample_rate) > 4000
    return float(power[high].sum() / power.sum())
