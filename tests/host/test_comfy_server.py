"""What tests are told by a server is all that happened."""

import pytest
from host.graphs import changed, node


@pytest.fixture
def previews():
    """Two nodes that show one picture."""
    return {
        "picture": node("EmptyImage", width=16, height=16, batch_size=1, color=0x204060),
        "one": node("PreviewImage", images=["picture", 0]),
        "other": node("PreviewImage", images=["picture", 0]),
    }


def test_of_two_previews_of_one_picture_both_are_told(server, previews):
    """ComfyUI runs one of them, whichever comes first, and takes the other from its cache.

    0.8.0 leaves out of a prompt's history what was cached if the prompt names no client, and the
    order changes from server to server: so a test of a workflow with a preview of its own missed
    the one that it had added, and passed when it was run again.
    """
    assert set(server.outputs(previews)) == {"one", "other"}
    assert set(server.outputs(previews)) == {"one", "other"}, "all of it cached"
    again = changed(previews, "picture", color=0x604020)
    assert set(server.outputs(again)) == {"one", "other"}
