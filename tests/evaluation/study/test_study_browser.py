"""A rater with a keyboard, in a real browser: what is answered is what is tabulated."""

import shutil

import pytest

from imagineid_core.evaluation.study.make import make_study
from imagineid_core.evaluation.study.questions import QUESTIONS
from imagineid_core.evaluation.study.scores import load_raters
from imagineid_core.evaluation.study.sources import find_methods
from tests.evaluation.study.study_clips import write_methods

playwright = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]
ENDED = "() => film.ended"
FOCUS = "() => document.activeElement.id || document.activeElement.name"
CHECKED = "() => [...document.querySelectorAll(':checked')].map((box) => box.value).join('')"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    sources = write_methods(folder, ("a", "b"), ("one", "two"))
    return folder / "made", make_study(find_methods(sources), folder / "made").key


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, study):
    """The welcome, in a window without a past; errors in the page fail the test."""
    errors: list[str] = []
    opened = browser.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto((study[0] / "page" / "index.html").as_uri())
    yield opened
    opened.context.close()
    assert errors == []


def rate(page, *keys: str) -> None:
    """Hear the clip out, then a key for each question, and on."""
    page.wait_for_function(ENDED)
    page.keyboard.press("Tab")  # to the button that plays
    for key in keys:
        page.keyboard.press("Tab")
        page.keyboard.press(key)
    page.keyboard.press("Enter")


def saved(page, path):
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(path)
    return path


def test_a_study_is_rated_by_keyboard_and_its_scores_are_read(page, study, tmp_path):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shown = []
    for number in range(4):
        assert page.inner_text("#place") == f"Clip {number + 1} of 4"
        shown.append(page.get_attribute("#film", "src").removeprefix("clips/"))
        page.wait_for_function(ENDED)
        assert page.evaluate("film.webkitAudioDecodedByteCount > 0 && !film.muted")
        rate(page, "1", "5", str(2 + number))
    assert page.inner_text("#given") == "You answered all questions for 4 of 4 clips."
    folder, key = study
    (rater,) = load_raters([saved(page, tmp_path / "scores.json")], key)
    names = [question.name for question in QUESTIONS]
    assert rater.answers == {
        file: dict(zip(names, (1, 5, 2 + number), strict=True)) for number, file in enumerate(shown)
    }
    assert rater.unplayable == ()


def test_a_reload_goes_on_where_it_was(page):
    page.click("#start")
    rate(page, "3", "3", "3")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("2")
    clip = page.get_attribute("#film", "src")
    page.reload()
    assert page.inner_text("#place") == "Clip 2 of 4"
    assert page.get_attribute("#film", "src") == clip
    assert page.evaluate(CHECKED) == "2"
    page.click("#back")
    assert page.evaluate(CHECKED) == "333"


def test_an_unheard_or_unanswered_clip_is_not_left_behind(page):
    page.click("#start")
    page.evaluate("film.pause()")
    page.click("#next")
    assert page.inner_text("#missing") == "Please play the clip to its end first."
    assert page.evaluate(FOCUS) == "play"
    page.evaluate("film.play()")
    page.wait_for_function(ENDED)
    page.click("#next")
    assert page.inner_text("#missing") == "3 questions have no answer yet."
    assert page.evaluate(FOCUS) == "synchronization"


def test_who_stops_or_cannot_play_saves_what_there_is(page, study, tmp_path):
    page.click("#start")
    page.click("#unplayable")
    page.get_by_role("group", name=QUESTIONS[2].asked).get_by_text("good", exact=True).click()
    page.click("#stop")
    (rater,) = load_raters([saved(page, tmp_path / "scores.json")], study[1])
    assert [dict(scores) for scores in rater.answers.values()] == [{"quality": 4}]
    assert len(rater.unplayable) == 1
    page.click("#again")
    assert page.inner_text("#place") == "Clip 2 of 4"


def test_another_person_gets_another_name_and_no_scores(page):
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#start")
    page.click("#unplayable")
    page.click("#stop")
    kept = "() => JSON.parse(Object.values(localStorage)[0])"
    first = page.evaluate(kept)
    page.click("#another")
    assert page.is_visible("#welcome")
    other = page.evaluate(kept)
    assert other["name"] != first["name"]
    assert (other["scores"], other["unplayable"], other["started"]) == ({}, {}, None)
