"""The picture and the film of a performance."""

from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from imagineid_core.errors import InputError
from imagineid_core.evaluation.performance_picture import draw_performance, emotion_track
from imagineid_core.face.open_face import EMOTIONS, expression_from_controls, open_face_basis
from imagineid_core.motion.track import still_track
from imagineid_core.pipeline.performance_film import film_performance, mesh_frames
from imagineid_core.values import PAPER_FPS, SAMPLE_RATE, Performance, Speech

BASIS = open_face_basis()


def performance(controls, num_frames, lips=None):
    expression = expression_from_controls(
        {name: torch.full((num_frames,), float(value)) for name, value in controls.items()}
        or {"jaw_open": torch.zeros(num_frames)}
    )
    return Performance(
        shape=None,
        semantics=None,
        style=None,
        lip_expression=lips,
        expression=expression,
        motion=still_track(num_frames, PAPER_FPS),
    )


def speech(num_frames):
    wave = 0.3 * torch.sin(torch.arange(num_frames * SAMPLE_RATE // 25) * 0.1)
    return Speech(waveform=wave, fps=PAPER_FPS, num_frames=num_frames)


@pytest.mark.parametrize(
    ("emotion", "brows", "corners"),
    [("happy", None, 1), ("sad", None, -1), ("angry", -1, None), ("surprised", 1, None)],
)
def test_the_emotion_track_tells_emotions_by_brows_and_corners(emotion, brows, corners):
    track = emotion_track(performance(EMOTIONS[emotion], 3), BASIS)
    if brows:
        assert brows * track.brows.mean() > 0.5  # mm
    if corners:
        assert corners * track.corners.mean() > 0.5


def test_lips_alone_are_no_emotion():
    talking = performance({"jaw_open": 0.8}, 3)
    track = emotion_track(replace(talking, lip_expression=talking.expression), BASIS)
    assert np.abs(track.brows).max() == np.abs(track.corners).max() == 0
    assert np.abs(emotion_track(talking, BASIS).corners).max() > 0.5


def test_a_picture_is_drawn_for_any_length(tmp_path):
    for num_frames in (1, 30):
        path = tmp_path / "новая é" / f"{num_frames}.png"
        shown = performance({"smile_L": 1.0}, num_frames)
        draw_performance(shown, speech(num_frames), BASIS, path, title="a voice")
        with Image.open(path) as image:
            assert image.width > 1000


def test_a_picture_of_another_speech_is_refused(tmp_path):
    with pytest.raises(InputError, match="performance has 3 frames at 25 fps but the speech has 4"):
        draw_performance(performance({}, 3), speech(4), BASIS, tmp_path / "a.png", title="")
    assert not (tmp_path / "a.png").exists()


def test_a_film_has_every_frame_and_the_sound(tmp_path):
    told = []
    film_performance(
        performance({"jaw_open": 0.5}, 5),
        speech(5),
        BASIS,
        tmp_path / "a.mp4",
        size=32,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (5, 5)
    with av.open(str(tmp_path / "a.mp4")) as film:
        seconds = float(film.streams.audio[0].duration * film.streams.audio[0].time_base)
        assert len(list(film.decode(video=0))) == 5
    assert seconds == pytest.approx(0.2, abs=0.02)  # half a frame


def test_frames_are_made_only_when_asked_for():
    """A thousand hours would not be rendered before the first frame is seen."""
    frames = mesh_frames(performance({}, 1_000_000), BASIS, size=16)
    first, frame = next(frames)
    assert first == 0
    assert frame.colour.shape == (1, 3, 16, 16)


def test_a_film_that_is_there_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"somebody's")
    with pytest.raises(InputError, match="exists already"):
        film_performance(performance({}, 1), None, BASIS, tmp_path / "a.mp4", size=16)
