"""Report pages as files: whole, alone, bounded, and with every number in them."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from imagineid_core.cli import main
from imagineid_core.evaluation.report.charts import charts_of
from imagineid_core.evaluation.report.film_page import write_set_page
from imagineid_core.evaluation.report.films import Limits
from imagineid_core.evaluation.report.set_part import chosen_clips
from imagineid_core.evaluation.report.svg import Dot, Line, dot_strip, line_chart, shorter
from imagineid_core.evaluation.video.lip_sync import SHIFTS
from tests.evaluation.video.films import frames, write_film
from tests.evaluation.video.report_clips import MEASURED, METHOD, ODD, OPTIONS, write_set

VOID = {"meta", "img", "input", "br", "source"}


class Page(HTMLParser):
    """Elements that are closed in order, their attributes, and the text that is seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[str] = []
        self.data: dict[str, dict] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert "svg" in self.open
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = self.elements[-1][1] if self.open[-1:] == ["script"] else {}
        if inside.get("type") == "application/json":
            self.data[str(inside["data-name"])] = json.loads(data)
        elif self.open[-1:] not in (["script"], ["style"]):
            self.seen.append(data)

    def all(self, tag: str, attribute: str) -> list[str]:
        return [
            str(one[attribute]) for name, one in self.elements if name == tag and attribute in one
        ]

    @property
    def text(self) -> str:
        return " ".join(self.seen)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    place = write_set(tmp_path_factory.mktemp("набор & é"))
    arguments = ["evaluate", "set", str(place), "--protocol", "mead", "--workers", "1", *OPTIONS]
    assert main(arguments) == 0
    return place / "evaluation-mead"


@pytest.fixture(scope="module")
def content(measured):
    return json.loads((measured / "set.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def text(measured):
    return (measured / "set.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_needs_nothing_but_itself(page, text):
    assert page.all("link", "href") == []
    sources = page.all("img", "src") + page.all("video", "src")
    assert all(source.startswith("data:") for source in sources)
    assert page.all("script", "src") == []
    without_films = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|file:|url\(|@import", without_films)


def test_ids_are_of_one_element_and_every_link_into_the_page_arrives(page):
    found = [one["id"] for _, one in page.elements if one.get("id")]
    assert len(found) == len(set(found))
    into = [href for href in page.all("a", "href") if href.startswith("#")]
    assert len(into) > 20
    assert {href[1:] for href in into} <= set(found)


def test_links_to_files_lead_to_files(page, measured):
    from urllib.parse import unquote

    outside = [href for href in page.all("a", "href") if not href.startswith("#")]
    assert len(outside) > len(MEASURED)
    for href in outside:
        assert (measured / unquote(href)).exists(), href


def test_every_number_is_on_the_page_with_its_arrow_and_unit(page, content, measured):
    assert len(content["metrics"]) > 10
    for name, one in content["metrics"].items():
        arrow = {"higher": "↑", "lower": "↓"}.get(one["better"], one["better"])
        assert f"{name} {arrow}" in page.text
        assert one["unit"] in page.text
        assert shorter(one["value"]) in page.text, name
    for clip in content["clips"]:
        told = json.loads((measured / clip["json"]).read_text(encoding="utf-8"))["metrics"]
        assert clip["metrics"] == {name: one["value"] for name, one in told.items()}
        for name, value in clip["metrics"].items():
            assert shorter(value) in page.text, (clip["name"], name)


def test_what_is_missing_is_named_with_its_reason(page):
    assert "6 of 7 clips measured" in page.text
    assert "1 could not be" in page.text
    assert "cut.mp4 is not readable as a video" in page.text
    assert "lse_c" in page.text
    assert "needs syncnet_v2.model (--syncnet)" in page.text
    assert "a face in 9 of 12 frames" in page.text
    assert "(none in 3, 4, 7)" in page.text
    assert "The film is a folder of pictures, which no browser plays." in page.text
    assert "12 frames of 15" in page.text
    assert "The film has no sound." in page.text
    assert "no reference" in page.text


def test_names_are_shown_as_they_are_and_never_become_html(page, text):
    assert ODD in page.text
    assert METHOD in page.text
    assert "<i>" not in text
    assert "<b>mine" not in text


def test_clips_have_sheets_players_and_charts_with_words_for_each(page):
    """A sheet a clip; of six films one is pictures, one has no reference."""
    sheets = page.all("img", "alt")
    assert len(sheets) == len(MEASURED)
    assert any(alt.startswith(f"{ODD}, frames 0, 2, 4 and so on") for alt in sheets)
    assert "from above: film, reference, difference × 4" in sheets[0]
    films = page.all("video", "aria-label")
    assert len(films) == 2 * len(MEASURED) - 2
    assert f"reference of {ODD}" in films
    described = [one["aria-label"] for name, one in page.elements if one.get("class") == "chart"]
    assert len(described) > 3 * len(MEASURED)
    assert any(str(one).startswith("PSNR over frames: it from ") for one in described)


def test_the_json_in_the_page_is_the_json_beside_it(page, content, measured):
    assert page.data["set.json"] == content
    for clip in content["clips"]:
        beside = json.loads((measured / clip["json"]).read_text(encoding="utf-8"))
        assert page.data[f"{clip['name']}.json"] == beside


def test_curves_have_a_value_a_frame_and_their_mean_is_the_metric(measured, content):
    clip = json.loads((measured / "clips" / f"{ODD}.json").read_text(encoding="utf-8"))
    for name in ("psnr", "ssim", "lmd_mouth", "sharpness_mouth", "flicker_face"):
        curve = clip["curves"][name]
        assert len(curve) == clip["video"]["frames"] - (2 if name.startswith("flicker") else 0)
        found = [value for value in curve if value is not None]
        assert len(found) == clip["metrics"][name]["frames"]
        assert np.mean(found) == pytest.approx(clip["metrics"][name]["value"], rel=1e-4)
    assert [at for at, one in enumerate(clip["curves"]["lmd_mouth"]) if one is None] == [3, 4, 7]


def test_it_is_said_how_the_page_was_made(page, content):
    about = content["about"]
    assert about["command"].startswith("imagineid evaluate set ")
    assert about["command"].endswith(
        "identity=tests.evaluation.video.films:thumbnails "
        "--extractor fid=tests.evaluation.video.films:thumbnails"
    )
    assert about["command"] in page.text
    for name, version in about["versions"].items():
        assert f"{name} {version}" in page.text


def test_a_set_of_two_hundred_clips_stays_small_and_says_what_is_left_out(
    measured, content, tmp_path
):
    """Two hundred lines that lead to the same six films, one of them far off."""
    clips = []
    for number in range(200):
        one = dict(content["clips"][number % 2])
        scale = 3.0 if number == 150 else 1 + number / 1000
        metrics = {name: value * scale for name, value in one["metrics"].items()}
        clips.append({**one, "name": f"clip {number}", "metrics": metrics})
    many = {**content, "num_clips": 201, "clips": clips}
    limits = Limits(clips=8, film_bytes=3 * 40_000, json_bytes=10_000)
    path = measured / "many.html"
    write_set_page(path, many, measured / "set.json", limits)
    size, page = path.stat().st_size, Page(path.read_text(encoding="utf-8"))
    path.unlink()
    assert size < 1_500_000
    shown = [one["id"] for name, one in page.elements if one.get("class") == "clip"]
    assert len(shown) == 8
    assert "s0c150" in shown  # the outlier
    assert "8 of 200 clips are shown" in page.text
    assert "The other 192 are in the list above" in page.text
    assert "clip 199" in page.text
    linked = [source for source in page.all("video", "src") if not source.startswith("data:")]
    assert linked
    assert "did not fit into the page and are linked" in page.text
    assert "set.json" not in page.data  # beside it only


def test_shown_clips_are_the_worst_of_each_metric_then_the_first():
    listed = [
        {"metrics": {"psnr": 30.0 - one, "lmd": float(one % 7), "sync_offset": 0.0}}
        for one in range(20)
    ]
    listed[11]["metrics"]["sync_offset"] = -4.0
    metrics = {
        "psnr": {"better": "higher"},
        "lmd": {"better": "lower"},
        "sync_offset": {"better": "near 0"},
    }
    assert chosen_clips(listed, metrics, 5) == [0, 1, 6, 11, 19]
    assert chosen_clips(listed, metrics, 30) == list(range(20))


def test_a_single_film_without_reference_has_a_page(tmp_path, capsys):
    film = write_film(tmp_path / "кино.mp4", frames(14))
    out = tmp_path / "кино.html"
    assert main(["evaluate", "video", str(film), "--page", str(out)]) == 0
    assert "кино.html" in capsys.readouterr().out
    page = Page(out.read_text(encoding="utf-8"))
    report = json.loads((tmp_path / "кино.json").read_text(encoding="utf-8"))
    assert page.data == {"кино.json": report}
    for name, one in report["metrics"].items():
        assert shorter(one["value"]) in page.text, name
    for name in report["skipped"]:
        assert name in page.text
    assert len(page.all("video", "src")) == 1
    assert main(["evaluate", "video", str(film), "--page", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["evaluate", "video", str(film), "--page", str(tmp_path / "page.pdf")]) == 2
    assert "ends in .html" in capsys.readouterr().err


def test_tables_stand_above_the_clips_behind_them(measured, tmp_path):
    out = tmp_path / "tables"
    assert main(["evaluate", "tables", str(measured), "--out", str(out)]) == 0
    page = Page((out / "tables.html").read_text(encoding="utf-8"))
    content = json.loads((out / "tables.json").read_text(encoding="utf-8"))
    assert page.data["tables.json"] == content
    assert page.text.index("Ours-E") < page.text.rindex(f"{METHOD} †") < page.text.index(" Clips ")
    assert len(page.all("img", "src")) == len(MEASURED)
    assert "Tables without a row of ours" not in page.text  # FID gives each a row


def test_a_table_without_a_row_of_ours_is_named_with_its_reason(measured, content, tmp_path):
    without = {**content, "metrics": {"psnr": content["metrics"]["psnr"]}}
    reason = {"needs Inception's weights": 6}
    without["skipped"] = {**content["skipped"], "fid": reason}
    (measured / "without.json").write_text(json.dumps(without), encoding="utf-8")
    out = tmp_path / "tables"
    assert main(["evaluate", "tables", str(measured / "without.json"), "--out", str(out)]) == 0
    (measured / "without.json").unlink()
    page = Page((out / "tables.html").read_text(encoding="utf-8"))
    assert "Table 1 of ImagineID: faces imagined from a voice" in page.text
    assert "FID needs Inception's weights" in page.text
    assert "Age needs a network's age features" in page.text


def test_sync_is_drawn_over_offsets_that_rise():
    """`lse_c` in the report runs from offset 15 down to -15; the best stands at -3."""
    confidences = [0.0] * (2 * SHIFTS + 1)
    confidences[SHIFTS + 3] = 6.5
    (chart,) = charts_of({"curves": {"lse_c": confidences}})
    assert "LSE-C 6.5 at offset -3" in chart
    peak = re.findall(r"L([\d.]+) ([\d.]+)", chart)
    highest = min(peak, key=lambda one: float(one[1]))
    assert float(highest[0]) == pytest.approx(50 + (SHIFTS - 3) / (2 * SHIFTS) * 362, abs=0.2)


def test_a_line_is_broken_where_nothing_was_found_and_long_ones_keep_their_peaks():
    drawn = line_chart([Line(name="", values=[1, None, 2, 3])], described="", across="frame")
    (path,) = re.findall(r'class="line l0" d="([^"]+)"', drawn)
    assert path.count("M") == 2
    values = np.zeros(15_000)
    values[7001] = 9.0
    long = line_chart([Line(name="", values=list(values))], described="", across="frame")
    assert len(long) < 20_000
    (path,) = re.findall(r'class="line l0" d="([^"]+)"', long)
    heights = [float(one) for one in re.findall(r" ([\d.]+)", path)]
    assert sum(height < 30 for height in heights) == 1


def test_dots_are_links_whose_places_follow_their_values():
    dots = [Dot(name="<a>", value=1.0, href="#a"), Dot(name="b", value=3.0, href="#b")]
    drawn = dot_strip([*dots, replace(dots[0], value=2.0)], described="d", mean=2.0)
    places = [float(one) for one in re.findall(r'cx="([\d.]+)"', drawn)]
    assert places == [8.0, 150.0, 292.0]
    assert "&lt;a&gt;: 1" in drawn
    many = [Dot(name=str(one), value=float(one), href="#x") for one in range(5000)]
    drawn = dot_strip(many, described="d", mean=None)
    assert drawn.count("<circle") == 400
    assert ">0: 0<" in drawn
    assert ">4999: 4999<" in drawn


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (18.5067, "18.51"), (12984.3, "12984"), (0.000012, "1.200e-05"), (-3.0, "-3")],
)
def test_numbers_have_four_digits(value, told):
    assert shorter(value) == told
