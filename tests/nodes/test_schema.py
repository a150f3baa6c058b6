"""Declaring nodes on ComfyUIs old and new, and what wires they refuse."""

import inspect

import pytest

OWN = [
    "AudioLoader",
    "PADLoader",
    "PADIdentity",
    "PADContent",
    "PADEmotion",
    "HeadMotion",
    "FaceBasisLoader",
    "MeshRender",
    "TrackPreview",
]


def test_what_this_comfyui_does_not_know_is_left_out(pack):
    schema = pack("schema")

    def old(id: str, tooltip: str) -> tuple[str, str]:
        return id, tooltip

    assert schema.known(old, id="a", tooltip="b", advanced=True) == ("a", "b")


def test_what_a_newer_comfyui_knows_reaches_it(pack):
    schema = pack("schema")

    def new(id: str, advanced: bool = False) -> bool:
        return advanced

    assert schema.known(new, id="a", advanced=True) is True


@pytest.mark.parametrize("name", OWN)
def test_every_node_says_what_it_is(node, name):
    schema = node(name).define_schema()
    assert schema.node_id == f"ImagineID_{name}"
    assert schema.category in {"ImagineID/listen", "ImagineID/motion", "ImagineID/face"}
    assert len(schema.description) > 30
    ids = [one.id for one in (*schema.inputs, *schema.outputs)]
    assert len(ids) == len(set(ids)), "ComfyUI wants ids that differ between inputs and outputs"
    for one in (*schema.inputs, *schema.outputs):
        assert one.tooltip, f"{one.id} has no tooltip"


@pytest.mark.parametrize("name", OWN)
def test_execute_takes_exactly_the_inputs_of_the_schema(node, name):
    taken = set(inspect.signature(node(name).execute).parameters)
    assert taken == {one.id for one in node(name).define_schema().inputs}


def test_the_order_of_widgets_is_that_of_saved_workflows(node):
    """Values of widgets are saved by place: a new one may only come behind these."""
    names = [one.id for one in node("HeadMotion").define_schema().inputs]
    widgets = names[names.index("source") :]
    assert widgets[:9] == [
        "source",
        "style",
        "seed",
        "head_amount",
        "blinks_per_minute",
        "emotion_strength",
        "fps",
        "track_file",
        "keyframes",
    ]


def test_a_wrong_wire_is_told_in_three_parts(node):
    told = node("PADContent").validate_inputs({"pad": "MODEL", "audio": "AUDIO"})
    assert told == (
        "'pad' of PAD Content takes IMAGINEID_PAD but is wired to MODEL. "
        "Connect an output of IMAGINEID_PAD, for example that of 'PAD Loader'."
    )


@pytest.mark.parametrize("given", ["AUDIO", "*"])
def test_right_wires_and_wires_of_any_kind_pass(node, given):
    assert node("PADIdentity").validate_inputs({"pad": "IMAGINEID_PAD", "audio": given}) is True


def test_a_value_may_come_by_wire(node):
    wires = {"style": "INT", "source": ["still", "track file"]}
    assert node("HeadMotion").validate_inputs(input_types=wires) is True
    told = node("HeadMotion").validate_inputs(input_types={"style": "FLOAT"})
    assert "'style' of Head Motion takes INT but is wired to FLOAT" in told
