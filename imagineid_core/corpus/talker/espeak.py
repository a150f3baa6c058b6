"""Speech with sample-exact phoneme times from libespeak-ng, the same bits every time (Sec. 4.1).

The library keeps state between two syntheses (phases of the wave generator) and draws breath from
the C library's rand(): both are reset, so a sentence sounds the same alone, after another, or in
another process. Knows nothing about faces, styles or who speaks.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.clip import Phoneme
from imagineid_core.errors import InputError, MissingPackageError

LANGUAGE = "en-us"
PITCH_RANGE, RATE_RANGE, VOLUME_RANGE = (0, 99), (80, 450), (0, 200)

_NAMES = {
    "win32": ("libespeak-ng.dll", r"C:\Program Files\eSpeak NG\libespeak-ng.dll"),
    "darwin": ("libespeak-ng.1.dylib", "/opt/homebrew/lib/libespeak-ng.1.dylib"),
}
_LINUX = ("libespeak-ng.so.1",)
_INSTALL = (
    "Debian and Ubuntu: apt install espeak-ng (or libespeak-ng1 alone); Fedora: dnf install "
    "espeak-ng; macOS: brew install espeak-ng; Windows: the installer of github.com/espeak-ng"
)
# Of speak_lib.h: what we ask for, and the events it reports.
_RETRIEVAL, _PHONEME_EVENTS, _DONT_EXIT = 1, 0x0001, 0x8000
_UTF8, _POSITION_CHARACTER = 1, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_EVENT_END, _EVENT_PHONEME = 0, 7
_SEED = 1
_SILENT_STOPS = ("p", "t", "t2", "k", "tS")
_SILENT, _LONGEST_CLOSURE = 8, 0.12  # steps of 16 bits; seconds
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How a sentence is spoken, in espeak's own units; 50 is what the voice itself does."""

    pitch: int = 50  # 0 ... 99
    pitch_range: int = 50  # 0 monotone ... 99
    rate: int = 175  # words a minute, 80 ... 450
    volume: int = 100  # 0 ... 200


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What was spoken; `sample_rate` is the synthesiser's, phoneme times are exact samples."""

    waveform: Float[Tensor, " samples"]
    sample_rate: int
    phonemes: tuple[Phoneme, ...]


def synthesise(
    text: str,
    *,
    variant: str | None = None,
    delivery: Delivery | None = None,
    data_folder: Path | None = None,
) -> Utterance:
    """Speak American English in a voice variant (a file of `voices/!v`).

    `data_folder` is a folder named espeak-ng-data, the installed one if not given. `text` ends a
    clause where its punctuation does; phonemes are espeak's mnemonics, `_` a pause. A stop begins
    where the sound falls silent, not at its burst.
    """
    delivery = delivery or Delivery()
    _check(text, delivery)
    with _fresh_library(data_folder) as (library, sample_rate, folder):
        _choose_voice(library, variant, folder)
        for parameter, value in (
            (_RATE, delivery.rate),
            (_VOLUME, delivery.volume),
            (_PITCH, delivery.pitch),
            (_RANGE, delivery.pitch_range),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        sound, starts = _speak(library, text)
    return Utterance(
        waveform=torch.from_numpy(sound.astype(np.float32) / 32768),
        sample_rate=sample_rate,
        phonemes=_timed(_with_closures(starts, sound, sample_rate), len(sound), sample_rate),
    )


def installed_data_folder() -> Path:
    """Where the installed espeak-ng keeps its voices and dictionaries."""
    with _fresh_library(None) as (_, _, folder):
        return folder


def installed_version() -> str:
    """As the library says it, for example 1.51."""
    with _ONE_AT_A_TIME:
        library = _load()
        try:
            library.espeak_Info.restype = ctypes.c_char_p
            return library.espeak_Info(None).decode()
        finally:
            _unload(library)


def has_espeak() -> bool:
    """Whether the library can be loaded here."""
    try:
        _unload(_load())
    except MissingPackageError:
        return False
    return True


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
Starts = list[tuple[int, str]]


@contextmanager
def _fresh_library(data_folder: Path | None) -> Iterator[tuple[ctypes.CDLL, int, Path]]:
    """The library as a new process finds it: unloading is the only thing that clears its state."""
    with _ONE_AT_A_TIME:
        library = _load()
        try:
            above = None if data_folder is None else os.fsencode(data_folder.parent)
            rate = library.espeak_Initialize(_RETRIEVAL, 200, above, _PHONEME_EVENTS | _DONT_EXIT)
            where = ctypes.c_char_p()
            library.espeak_Info(ctypes.byref(where))
            folder = Path(os.fsdecode(where.value or b""))
            # A folder without data is passed over for the installed one, again without a word.
            if rate <= 0 or data_folder is not None and not _is_same(folder, data_folder):
                raise InputError(
                    f"espeak-ng found no data in {data_folder or folder}. Give a folder named "
                    "espeak-ng-data with phontab and en_dict, or install espeak-ng-data again."
                )
            _c_library().srand(_SEED)
            yield library, rate, folder
        finally:
            library.espeak_Terminate()  # joins its thread, which must not outlive its code
            _unload(library)


def _load() -> ctypes.CDLL:
    names = _NAMES.get(sys.platform, _LINUX)
    for name in names:
        if _is_loaded(name):
            raise InputError(
                f"{name} is already loaded in this process, so its state is not ours to reset and "
                "clips would not be reproducible. Make the corpus in a process of its own."
            )
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise MissingPackageError(
        f"Synthetic talkers need the library {names[0]}, which is not installed. {_INSTALL}."
    )


def _is_loaded(name: str) -> bool:
    if not hasattr(os, "RTLD_NOLOAD"):
        return False
    try:
        handle = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:
        return False
    _unload(handle)
    return True


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


def _is_same(folder: Path, other: Path) -> bool:
    return folder.resolve() == other.resolve()


def _choose_voice(library: ctypes.CDLL, variant: str | None, folder: Path) -> None:
    """espeak takes the plain voice for a variant that it does not know, without a word: we ask."""
    if variant is not None and not (folder / "voices" / "!v" / variant).is_file():
        known = sorted(path.name for path in (folder / "voices" / "!v").glob("*"))
        raise InputError(
            f"voice variant '{variant}' is not in {folder / 'voices' / '!v'}. "
            f"Use one of: {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}."
        )
    name = LANGUAGE if variant is None else f"{LANGUAGE}+{variant}"
    if library.espeak_SetVoiceByName(name.encode()) != 0:
        raise InputError(
            f"espeak-ng has no voice '{name}' in {folder}. Install espeak-ng-data again."
        )


def _speak(library: ctypes.CDLL, text: str) -> tuple[np.ndarray, Starts]:
    pieces: list[bytes] = []
    starts: Starts = []

    def receive(samples, num_samples: int, events) -> int:
        if num_samples > 0:
            pieces.append(ctypes.string_at(samples, 2 * num_samples))
        place = 0
        while (event := events[place]).type != _EVENT_END:
            if event.type == _EVENT_PHONEME:
                starts.append((event.sample, event.id.string.decode()))
            place += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    spoken = text.encode()
    library.espeak_Synth(
        spoken, ctypes.c_size_t(len(spoken) + 1), 0, _POSITION_CHARACTER, 0, _UTF8, None, None
    )
    library.espeak_Synchronize()
    return np.frombuffer(b"".join(pieces), "<i2"), starts


def _with_closures(starts: Starts, sound: np.ndarray, sample_rate: int) -> Starts:
    """espeak's event of a p, t or k is its burst; the silence before it is the stop, held shut.

    Measured: 40 ms of digital silence at usual rates, 55 at slow ones. After a pause nobody can
    tell silence from silence, and the event stays.
    """
    moved = starts[:1]
    for (before, previous), (sample, symbol) in pairwise(starts):
        if symbol in _SILENT_STOPS and not previous.startswith("_"):
            earliest = max(before + 1, sample - round(_LONGEST_CLOSURE * sample_rate), 0)
            loud = np.flatnonzero(np.abs(sound[earliest:sample]) > _SILENT)
            sample = earliest + int(loud[-1]) + 1 if len(loud) else earliest
        moved.append((sample, symbol))
    return moved


def _timed(starts: Starts, num_samples: int, sample_rate: int) -> tuple[Phoneme, ...]:
    """Each phoneme ends where the next begins; what comes before the first is a pause."""
    starts = [(min(sample, num_samples), symbol) for sample, symbol in starts]
    if starts and starts[0][0] > 0:
        starts = [(0, "_"), *starts]
    ends = [sample for sample, _ in starts[1:]] + [num_samples]
    return tuple(
        Phoneme(symbol=symbol, start=start / sample_rate, end=end / sample_rate)
        for (start, symbol), end in zip(starts, ends, strict=True)
        if end > start
    )


def _check(text: str, delivery: Delivery) -> None:
    if not any(letter.isalnum() for letter in text) or "\0" in text:
        raise InputError(f"text is {text!r} and has nothing to speak. Give a sentence.")
    for name, value, (low, high) in (
        ("pitch", delivery.pitch, PITCH_RANGE),
        ("pitch_range", delivery.pitch_range, PITCH_RANGE),
        ("rate", delivery.rate, RATE_RANGE),
        ("volume", delivery.volume, VOLUME_RANGE),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is {value} but espeak takes {low} ... {high}. Clamp it.")
