"""Motion tracks as JSON: exact round trips, keyframes, and errors that name what is wrong."""

import json
import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagineid_core.errors import InputError
from imagineid_core.motion.keyframes import interpolate
from imagineid_core.motion.track_json import (
    CHANNELS,
    from_json,
    load_track,
    save_track,
    to_json,
    track_from_keyframes,
)
from imagineid_core.values import MotionTrack

PAPER = Fraction(25)
finite = st.floats(-1e6, 1e6, width=32)
rates = st.sampled_from([Fraction(10), PAPER, Fraction(30000, 1001), Fraction(60)])


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(*[finite] * 6, st.floats(0, 1, width=32)), max_size=6), fps=rates)
def test_a_round_trip_gives_the_same_float32_bits(rows, fps):
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 7)
    track = MotionTrack(pose=values[:, :6], blink=values[:, 6], fps=fps)
    back = from_json(to_json(track))
    assert back.fps == fps
    torch.testing.assert_close(back.pose, track.pose, rtol=0, atol=0)
    torch.testing.assert_close(back.blink, track.blink, rtol=0, atol=0)


def test_outside_are_degrees_and_dm():
    pose = torch.tensor([[math.pi / 2, -math.pi / 6, 0.0, 1.5, 0.0, -2.0]])
    track = MotionTrack(pose=pose, blink=torch.tensor([0.25]), fps=PAPER)
    document = json.loads(to_json(track))
    outside = {name: values[0] for name, values in document["frames"].items()}
    assert tuple(outside) == CHANNELS
    assert outside["pitch_degrees"] == pytest.approx(90, abs=1e-5)
    assert outside["yaw_degrees"] == pytest.approx(-30, abs=1e-5)
    assert (outside["x_dm"], outside["z_dm"], outside["blink"]) == (1.5, -2.0, 0.25)
    assert (document["fps"], document["num_frames"]) == ("25", 1)


def test_a_file_with_any_name_comes_back(tmp_path):
    path = tmp_path / "Kopf – 頭.json"
    track = track_from_keyframes([{"time_seconds": 0, "yaw_degrees": 7}], 3, PAPER)
    save_track(path, track)
    torch.testing.assert_close(load_track(path).pose, track.pose, rtol=0, atol=0)


def test_a_keyframe_is_met_exactly_at_its_time():
    keys = [
        {"time_seconds": 0, "yaw_degrees": -10},
        {"time_seconds": 0.4, "yaw_degrees": 20, "blink": 1},
        {"time_seconds": 2, "yaw_degrees": 5},
    ]
    track = track_from_keyframes(keys, 60, PAPER)
    degrees = track.pose[:, 1].rad2deg()
    for frame, yaw in ((0, -10), (10, 20), (50, 5), (59, 5)):
        assert float(degrees[frame]) == pytest.approx(yaw, abs=1e-5)
    assert bool((track.blink == 1).all())  # one key: it holds before and after
    assert not track.pose[:, [0, 2, 3, 4, 5]].any()


def test_a_channel_goes_on_between_its_own_keys():
    with_other = [
        {"time_seconds": 0, "yaw_degrees": 0},
        {"time_seconds": 1, "pitch_degrees": 30},
        {"time_seconds": 2, "yaw_degrees": 20},
    ]
    without = [with_other[0], with_other[2]]
    torch.testing.assert_close(
        track_from_keyframes(with_other, 50, PAPER).pose[:, 1],
        track_from_keyframes(without, 50, PAPER).pose[:, 1],
        rtol=0,
        atol=0,
    )


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=8),
    gaps=st.lists(st.floats(0.01, 3), min_size=8, max_size=8),
)
def test_between_keys_the_curve_stays_between_their_values(values, gaps):
    times = [sum(gaps[:i]) for i in range(len(values))]
    at = torch.linspace(0, times[-1], 201).tolist()
    curve = interpolate(times, torch.tensor(values, dtype=torch.float64)[:, None], at)[:, 0]
    for moment, value in zip(at, curve.tolist(), strict=True):
        after = next((i for i, time in enumerate(times) if time >= moment), len(times) - 1)
        around = values[max(after - 1, 0) : after + 1]
        assert min(around) - 1e-9 <= value <= max(around) + 1e-9


def test_a_motion_through_a_key_does_not_stop_there():
    """Where smoothstep between neighbours would have zero speed at every key."""
    keys = [{"time_seconds": float(t), "yaw_degrees": 10.0 * t} for t in range(4)]
    speed = track_from_keyframes(keys, 76, PAPER).pose[:, 1].diff()
    assert speed[25] > 0.5 * speed.max()
    assert speed[50] > 0.5 * speed.max()


def test_the_head_eases_out_of_the_first_key_and_into_the_last():
    """A curve that holds its value but not its speed stops dead at the last key: a jerk."""
    keys = [{"time_seconds": 1, "yaw_degrees": 0}, {"time_seconds": 3, "yaw_degrees": 20}]
    yaw = track_from_keyframes(keys, 100, PAPER).pose[:, 1]
    speed = yaw.diff()
    assert not speed[:25].any()
    assert not speed[75:].any()
    assert max(speed[25], speed[74]) < 0.1 * speed.max()
    torch.testing.assert_close(speed[25:75], speed[25:75].flip(0), rtol=0, atol=1e-6)


def test_keyframes_can_be_a_file(tmp_path):
    document = {
        "format": "imagineid-motion",
        "version": 1,
        "fps": "30",
        "num_frames": 31,
        "keyframes": [{"time_seconds": 0, "z_dm": 0}, {"time_seconds": 1, "z_dm": -1}],
    }
    track = from_json(json.dumps(document))
    assert track.fps == 30
    assert float(track.pose[-1, 5]) == -1
    empty = from_json(json.dumps({**document, "keyframes": []}))
    assert not empty.pose.any()


def document(**changes) -> str:
    base = json.loads(to_json(track_from_keyframes([], 2, PAPER)))
    base.update(changes)
    return json.dumps({key: value for key, value in base.items() if value is not None})


def frames(**changes) -> dict:
    columns = {name: [0.0, 0.0] for name in CHANNELS} | changes
    return {key: value for key, value in columns.items() if value is not None}


def keyed(*keys) -> str:
    return document(frames=None, keyframes=list(keys))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the motion track is not JSON"),
        ("[]", r"the document is \[\] but must be an object"),
        (document(format="other"), "'format' is 'other'"),
        (document(version=2), "'version' is 2 but this code reads 1"),
        (document(version=None), "'version' is None"),
        (document(fps="0"), "'fps' is '0'"),
        (document(fps="fast"), "'fps' is 'fast'"),
        (document(fps="1/0"), "'fps' is '1/0'"),
        (document(fps=29.97), "'fps' is 29.97"),
        (document(num_frames=-1), "num_frames is -1"),
        (document(num_frames=True), "num_frames is True"),
        # These four ended in a full memory, an OverflowError or an infinite pose.
        (document(num_frames=10**12), "num_frames is 1000000000000"),
        (document(fps="1e-300"), "'fps' is '1e-300'"),
        (keyed({"time_seconds": 0, "x_dm": 10**400}), r"'x_dm' is 1000.* within \+-1e\+09"),
        (keyed({"time_seconds": 0, "x_dm": 1e39}), r"'x_dm' is 1e\+39 in"),
        ("[" * 100_000, "the motion track is not JSON"),
        (document(colour="red"), "motion JSON has unknown colour"),
        (document(keyframes=[]), "has frames and keyframes"),
        (document(frames=None), "has neither frames nor keyframes"),
        (document(num_frames=3), "'pitch_degrees' has 2 values but num_frames is 3"),
        (document(frames=frames(yaw_degrees=None)), "'frames' lacks yaw_degrees"),
        (document(frames=frames(yaw=[0, 0])), "'frames' has unknown yaw"),
        (document(frames=frames(blink=[0, 1.5])), "'blink' is 1.5 in frame 1"),
        (document(frames=frames(x_dm=[0, math.nan])), "'x_dm' is nan in frame 1"),
        (document(frames=frames(x_dm=[math.inf, 0])), "'x_dm' is inf in frame 0"),
        (document(frames=frames(x_dm=["1", 0])), "'x_dm' is '1' in frame 0"),
        (document(frames=frames(x_dm=4)), "'x_dm' has 4 but num_frames is 2"),
        (keyed({"yaw_degrees": 1}), "keyframe 0 has no 'time_seconds'"),
        (keyed({"time_seconds": 0, "jaw": 1}), "keyframe 0 has unknown jaw"),
        (keyed({"time_seconds": -1}), "keyframe 0 is at -1 s, before the clip"),
        (keyed({"time_seconds": 0, "blink": 2}), "'blink' is 2 in keyframe 0"),
        (keyed({"time_seconds": 0, "z_dm": True}), "'z_dm' is True in keyframe 0"),
        (
            keyed({"time_seconds": 1}, {"time_seconds": 0.5}),
            "keyframe 1 is at 0.5 s, not after keyframe 0 at 1 s",
        ),
        (keyed({"time_seconds": 1}, {"time_seconds": 1}), "keyframe 1 is at 1 s, not after"),
        (keyed(3), "keyframe 0 is 3 but must be an object"),
        (document(frames=None, keyframes={"a": 1}), "'keyframes' is .* must be a list"),
    ],
)
def test_bad_documents_are_named(text, message):
    with pytest.raises(InputError, match=message):
        from_json(text)


def test_a_track_that_is_not_finite_is_not_written(tmp_path):
    pose = torch.zeros(4, 6)
    pose[2, 1] = math.nan
    track = MotionTrack(pose=pose, blink=torch.zeros(4), fps=PAPER)
    with pytest.raises(InputError, match="not a finite number in frame 2"):
        save_track(tmp_path / "track.json", track)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"motion track .*lost\.json cannot be read"):
        load_track(tmp_path / "lost.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError, match=r"latin\.json cannot be read"):
        load_track(tmp_path / "latin.json")


def test_interpolation_needs_rising_times():
    with pytest.raises(InputError, match="there are no keyframes"):
        interpolate([], torch.zeros(0, 1), [0.0])
    with pytest.raises(InputError, match=r"keyframe times are \[1.0, 0.0\]"):
        interpolate([1.0, 0.0], torch.zeros(2, 1), [0.0])


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path):
    """Its byte order mark was called 'not JSON'."""
    path = tmp_path / "track.json"
    path.write_bytes(b"\xef\xbb\xbf" + keyed({"time_seconds": 0, "yaw_degrees": 5}).encode())
    assert load_track(path).pose[0, 1] == pytest.approx(math.radians(5))


def test_keys_that_differ_by_almost_nothing_are_no_warning():
    """A blink of 2e-311 made the slopes overflow: a warning to users, an error in tests."""
    curve = interpolate(
        [0.0, 1.0, 2.0], torch.tensor([[0.0], [0.0], [2.2e-311]]).double(), [0.5, 1.5]
    )
    assert torch.isfinite(curve).all()
    assert curve.abs().max() < 1e-300
