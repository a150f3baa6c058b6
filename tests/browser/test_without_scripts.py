"""The pack's nodes where its scripts do not run: keys are text, and nothing is lost."""

import pytest
from browser.comfy_page import ComfyPage
from browser.test_workflows import read, values


@pytest.fixture
def bare(browser, server):
    page = browser.new_page()
    page.route("**/extensions/ComfyUI-ImagineID/js/*", lambda route: route.abort())
    yield ComfyPage(page, server.address)
    page.close()


def test_a_workflow_opens_and_is_saved_as_it_was(bare):
    workflow = read("listen_imagine")
    bare.load(workflow)
    kept = values(bare.saved())
    for number, given in values(workflow).items():
        assert kept[number][: len(given)] == given
    (sent,) = [
        one["inputs"]["keyframes"]
        for one in bare.prompt().values()
        if one["class_type"] == "ImagineID_HeadMotion"
    ]
    assert sent == '{"v":1,"keys":[]}'
