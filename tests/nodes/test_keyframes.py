"""What the timeline of Head Motion holds, as text."""

import json
from fractions import Fraction

import pytest
import torch

from imagineid_core.errors import InputError

FPS = Fraction(25)


def keys(*held):
    return json.dumps({"v": 1, "keys": list(held)})


@pytest.mark.parametrize("text", ["", "  ", '{"v":1,"keys":[]}'])
def test_no_keys_change_nothing(pack, text):
    drawn = pack("keyframes").drawn(text, 10, FPS)
    assert not drawn.change.pose.any()
    assert not drawn.change.blink.any()
    assert torch.equal(drawn.emotion, torch.ones(10))


def test_a_key_is_met_at_its_time_in_its_unit(pack):
    text = keys({"t": 0, "yaw": 0}, {"t": 0.4, "yaw": 30, "blink": 1, "emotion": 2})
    drawn = pack("keyframes").drawn(text, 20, FPS)
    degrees = torch.rad2deg(drawn.change.pose[10])
    torch.testing.assert_close(degrees[:3], torch.tensor([0.0, 30.0, 0.0]), atol=1e-4, rtol=0)
    assert float(drawn.change.blink[10]) == 1
    assert torch.equal(drawn.emotion, torch.full((20,), 2.0))  # one key holds throughout


def test_keys_may_lie_in_any_order(pack):
    drawn = pack("keyframes").drawn
    one, two = {"t": 0.0, "roll": 5}, {"t": 0.6, "roll": -5, "emotion": 0}
    a, b = drawn(keys(one, two), 20, FPS), drawn(keys(two, one), 20, FPS)
    assert torch.equal(a.change.pose, b.change.pose)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "keyframes are not JSON"),
        ("1.5", "keyframes are 1.5 but must look like"),
        ('{"v":2,"keys":[]}', "must look like"),
        ('{"v":1,"keys":[3]}', "must look like"),
        (keys({"yaw": 3}), "keyframe 0 has no time 't'"),
        (keys({"t": 0, "jaw": 3}), "keyframe 0 has unknown jaw"),
        (keys({"t": 0, "yaw": "3"}), "'yaw' of keyframe 0 is '3'"),
        ('{"v":1,"keys":[{"t":0,"yaw":NaN}]}', "'yaw' of keyframe 0 is nan"),
        (keys({"t": 0, "emotion": 9}), "'emotion' of keyframe 0 is 9"),
        (keys({"t": 0, "blink": 2}), "'blink' is 2"),
        (keys({"t": -1, "yaw": 0}), "before the clip begins"),
        (keys({"t": 1, "yaw": 0}, {"t": 1, "yaw": 2}), "leave one at each time"),
        (keys({"t": 1, "emotion": 0}, {"t": 1, "emotion": 2}), "leave one at each time"),
    ],
)
def test_what_is_no_track_is_refused_by_name(pack, text, told):
    with pytest.raises(InputError, match=told):
        pack("keyframes").check_keyframes(text)
