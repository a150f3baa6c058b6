"""What the imagining nodes show of themselves; their ids are permanent."""

import pytest

NAMES = {
    "ImagineID_MiniSuiteLoader": "Mini Suite Loader",
    "ImagineID_AdapterLoader": "Adapter Loader",
    "ImagineID_TextualInversionAdapter": "Textual Inversion Adapter",
    "ImagineID_SpatialConditionalAdapter": "Spatial Conditional Adapter",
    "ImagineID_AutoregressiveSampler": "Autoregressive Sampler",
    "ImagineID_ImagineOptions": "Imagine Options",
    "ImagineID_MaskBlendVAEDecode": "Mask Blend VAE Decode",
}


@pytest.fixture(scope="module")
def schemas(pack):
    modules = ("mini_suite", "adapters", "text", "spatial_control", "sampler", "blending")
    pack("model_files").register_folder()
    found = [one.define_schema() for name in modules for one in pack(name).NODES]
    return {schema.node_id: schema for schema in found}


def test_names_and_category(schemas):
    assert {name: schema.display_name for name, schema in schemas.items()} == NAMES
    assert {schema.category for schema in schemas.values()} == {"ImagineID/imagine"}


def test_everything_is_explained_and_no_name_repeats(schemas):
    for name, schema in schemas.items():
        slots = [*schema.inputs, *schema.outputs]
        assert all(slot.tooltip and slot.tooltip.endswith(".") for slot in slots), name
        ids = [slot.id for slot in slots]
        assert len(ids) == len(set(ids)), name


def test_the_sampler_starts_from_the_papers_numbers(schemas):
    from imagineid_core.imagine.config import ImagineConfig

    paper = ImagineConfig()
    sampler = {one.id: one for one in schemas["ImagineID_AutoregressiveSampler"].inputs}
    assert (sampler["steps"].default, sampler["cfg"].default) == (50, paper.first_guidance)
    as_the_model_recommends = {"guided_share": 0.0, "settles": -1}
    for one in schemas["ImagineID_ImagineOptions"].inputs:
        if one.id in as_the_model_recommends:
            assert one.default == as_the_model_recommends[one.id]
        else:
            assert (one.default or None) == (getattr(paper, one.id) or None), one.id
