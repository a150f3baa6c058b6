"""The report in a real browser: films play in time, curves follow, links arrive, JSON is saved."""

import json
import shutil

import pytest

from imagineid_core.cli import main
from imagineid_core.evaluation.report.film_page import write_set_page
from imagineid_core.evaluation.report.films import Limits
from tests.evaluation.video.report_clips import ODD, OPTIONS, write_set

playwright = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]
FILMS = "[...document.querySelectorAll('#s0c0 video')]"
READY = f"() => {FILMS}.length == 2 && {FILMS}.every((one) => one.readyState >= 2)"
HALF_A_FRAME = 0.02  # seconds
PATIENCE = 120_000  # milliseconds, for machines with other things to do


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    place = write_set(tmp_path_factory.mktemp("набор é"))
    arguments = ["evaluate", "set", str(place), "--protocol", "mead", "--workers", "1", *OPTIONS]
    assert main(arguments) == 0
    return place / "evaluation-mead"


@pytest.fixture(scope="module")
def browser():
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, measured):
    """A window without a past; whatever the page complains of or asks a network for fails."""
    yield from opened(browser, measured / "set.html")


def opened(browser, path, **options):
    page, errors = browser.new_page(**options), []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text))
    page.on("requestfailed", lambda asked: errors.append(asked.url[:100]))
    page.goto(path.as_uri())
    page.wait_for_function(READY)
    yield page
    page.context.close()
    assert errors == []


def times(page) -> list[float]:
    return page.evaluate(f"{FILMS}.map((one) => one.currentTime)")


def test_every_film_of_the_page_can_be_played(page):
    waiting = page.locator("details.clip:not([open]) video")
    assert waiting.evaluate_all("(all) => all.map((one) => one.preload)") == ["none"] * 5
    page.evaluate("document.querySelectorAll('details.clip').forEach((d) => { d.open = true; })")
    page.wait_for_function("[...document.querySelectorAll('video')].every((v) => v.readyState > 1)")
    told = page.evaluate(
        "[...document.querySelectorAll('video')].map((v) => [v.duration, v.videoWidth, !!v.error])"
    )
    assert len(told) == 10
    for duration, width, failed in told:
        assert duration == pytest.approx(0.48, abs=0.15)
        assert width in (96, 144)
        assert not failed


def test_film_and_reference_play_together_with_one_sound_and_the_curves_follow(page):
    """At a quarter of the speed and again and again, so that a busy machine keeps up."""
    clip = page.locator("#s0c0")
    clip.get_by_label("repeat").check()
    clip.get_by_label("speed").select_option("0.25")
    clip.get_by_role("button", name="Play both").click()
    apart = f"Math.abs({FILMS}[0].currentTime - {FILMS}[1].currentTime)"
    playing = f"{FILMS}[0].currentTime > 0.1 && {FILMS}.every((one) => !one.paused)"
    page.wait_for_function(f"{playing} && {apart} < {HALF_A_FRAME}")
    assert page.evaluate(f"{FILMS}.map((one) => one.muted)") == [False, True]
    clip.get_by_role("button", name="Pause").click()
    page.wait_for_function(f"{apart} < 0.001")
    frame = min(11, int(times(page)[0] * 25 + 1e-3))
    assert clip.locator("output").inner_text() == f"frame {frame} of 12"
    moved = clip.locator(".now").first.get_attribute("transform")
    assert moved == f"translate({362 * frame / 11:.1f} 0)"
    clip.get_by_label("sound").select_option("reference")
    assert page.evaluate(f"{FILMS}.map((one) => one.muted)") == [True, False]


def test_frames_are_reached_by_keyboard_sheet_and_curve(page):
    clip = page.locator("#s0c0")
    told = clip.locator("output")
    clip.get_by_role("button", name="one frame on").focus()
    for number in (1, 2, 3):
        page.keyboard.press("Enter")
        playwright.expect(told).to_have_text(f"frame {number} of 12")
    clip.get_by_role("button", name="one frame back").click()
    playwright.expect(told).to_have_text("frame 2 of 12")
    sheet = clip.locator(".sheet img")
    box = sheet.bounding_box()
    sheet.click(position={"x": box["width"] * 4.5 / 6, "y": 20})
    playwright.expect(told).to_have_text("frame 8 of 12")
    chart = clip.locator("svg.chart").first
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 412 / 420, "y": 40})
    playwright.expect(told).to_have_text("frame 11 of 12")
    assert times(page)[0] == pytest.approx(times(page)[1], abs=1e-3)


def test_a_dot_leads_to_its_clip_even_if_that_is_folded(page):
    clip = page.locator("details.clip").nth(4)
    assert clip.get_attribute("open") is None
    name = clip.locator("summary").first.inner_text()
    assert name == "larger"
    page.locator(".metrics .strip a", has=page.locator("title", has_text=f"{name}: ")).first.click()
    playwright.expect(clip).to_have_attribute("open", "")
    assert clip.bounding_box()["y"] < 1000


def test_the_list_of_clips_is_sorted_by_a_click(page):
    page.get_by_text("All 6 clips in numbers").click()
    heads = page.locator("table.sortable thead th")
    column = heads.all_inner_texts().index("psnr")
    shown = f"[...document.querySelectorAll('table.sortable tbody tr')].map(r => r.cells[{column}]"
    for down in (True, False):
        heads.nth(column).get_by_role("button").click()
        told = [one for one in page.evaluate(f"{shown}.textContent)") if one != "-"]
        numbers = [float(one) for one in told]
        assert len(numbers) == 5
        assert numbers == sorted(numbers, reverse=down)


def test_json_is_saved_from_the_page_itself(page, measured, tmp_path):
    for link, file in (("JSON behind this page", "set.json"), ("JSON of this clip", "anna.json")):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).first.click()
        assert download.value.suggested_filename == file
        download.value.save_as(tmp_path / file)
        beside = measured / ("set.json" if file == "set.json" else f"clips/{file}")
        assert json.loads((tmp_path / file).read_text("utf-8")) == json.loads(
            beside.read_text("utf-8")
        )


def test_without_a_script_films_have_the_browsers_controls_and_numbers_are_there(browser, measured):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((measured / "set.html").as_uri())
    films = page.locator("#s0c0 video")
    assert [films.nth(one).get_attribute("controls") for one in (0, 1)] == ["", ""]
    assert page.locator("#s0c0 .controls").is_hidden()
    assert page.locator(".metrics tbody tr, .metrics > tr").count() > 10
    assert page.locator("#s0c0 svg.chart").count() > 5
    assert (
        page.get_by_role("link", name="JSON behind this page").get_attribute("href") == "set.json"
    )
    context.close()


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window_and_text_stands_out(browser, measured, width, scheme):
    size = {"width": width, "height": 900}
    for page in opened(browser, measured / "set.html", viewport=size, color_scheme=scheme):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ink, paper = page.evaluate(
            "(() => { const s = getComputedStyle(document.body); return [s.color, "
            "s.backgroundColor].map((c) => c.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => "
            "a + Number(b), 0) / 3); })()"
        )
        assert abs(ink - paper) > 150
        assert (ink < paper) == (scheme == "light")
        assert page.locator("summary", has_text=ODD).first.is_visible()


def test_films_that_did_not_fit_play_from_beside_the_page(browser, measured):
    content = json.loads((measured / "set.json").read_text(encoding="utf-8"))
    path = measured / "linked é.html"
    write_set_page(path, content, measured / "set.json", Limits(film_bytes=0))
    for page in opened(browser, path):
        assert page.evaluate(f"{FILMS}.map((one) => one.src.slice(0, 5))") == ["file:", "file:"]
        assert "Not in the page but beside it" in page.locator("#s0c0").inner_text()
    path.unlink()
