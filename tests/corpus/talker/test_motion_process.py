from fractions import Fraction

import pytest
import torch

from imagineid_core.corpus.talker.motion_process import accents_of, talker_motion
from imagineid_core.errors import InputError
from imagineid_core.face.pose import pose_vertices
from imagineid_core.values import PAPER_FPS

FPS = PAPER_FPS


def test_the_same_seed_gives_the_same_motion_and_another_seed_another():
    one, again, other = (talker_motion(50, FPS, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(one.pose, again.pose)
    assert torch.equal(one.blink, again.blink)
    assert not torch.equal(one.pose, other.pose)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(60)])
def test_heads_wander_as_far_as_they_should_at_any_frame_rate(fps):
    poses = torch.cat([talker_motion(200, fps, seed).pose for seed in range(60)])
    # 60 clips of some seconds with a memory of 0.9 s: a spread is known to about 10 %.
    assert poses[:, :3].std(0).tolist() == pytest.approx([0.045, 0.070, 0.030], rel=0.25)
    assert poses[:, :3].abs().max() < 0.3
    per_second = poses.diff(dim=0)[:, :3].abs() * float(fps)
    assert float(per_second.median()) < 0.2  # radians: nobody shakes


def test_the_neck_stays_where_it_is_but_for_the_body_s_sway():
    track = talker_motion(200, FPS, 4)
    neck = torch.tensor([[[0.0, -1.0, -0.65]]]).expand(200, 1, 3)
    moved = pose_vertices(neck, track.pose) - neck
    assert float(moved.abs().max()) < 2.5 * 0.03 + 1e-5


def test_an_accent_lowers_the_head_for_a_moment():
    """The random walk is the same with and without: their difference is the nod alone."""
    for seed in range(20):  # seven in ten accents are nodded
        still = talker_motion(75, FPS, seed)
        nodding = talker_motion(75, FPS, seed, accents=[1.5])
        nod = nodding.pose[:, 0] - still.pose[:, 0]
        if nod.max() > 0:
            assert 0.025 < float(nod.max()) < 0.086
            assert abs(int(nod.argmax()) - round(1.55 * 25)) <= 1
            assert nod[:20].max() < 1e-4
            return
    pytest.fail("nobody nodded")


def test_accents_are_stressed_sounds_at_most_two_a_second():
    assert accents_of([0.1, 0.3, 0.5, 0.9], [1.2, 1.25, 1.0, 1.3]) == [0.1, 0.9]


def test_people_blink_in_a_minute():
    blink = talker_motion(25 * 60, FPS, 0).blink
    starts = ((blink[1:] > 0) & (blink[:-1] == 0)).sum()
    assert 10 <= int(starts) <= 35  # 22 on average


def test_an_empty_clip_is_refused():
    with pytest.raises(InputError, match="num_frames is 0"):
        talker_motion(0, FPS, 0)
