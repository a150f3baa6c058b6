from dataclasses import replace

import pytest
import torch

from imagineid_core.errors import WeightsError
from imagineid_core.imagine.adapters import encoded_prompt
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.mini_suite import MINI_RECOMMENDED
from imagineid_core.imagine.recommended import (
    RECOMMENDED,
    RecommendedConfig,
    load_recommended,
    save_recommended,
)
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from imagineid_core.imagine.textual_inversion import FACE_PROMPT, encode_text, prompt_ids
from tests.imagine.tiny_diffusion import save_tiny_suite


def test_a_model_that_says_nothing_is_used_as_the_paper_does(tmp_path):
    told = load_recommended(tmp_path)
    assert (told.prompt, told.num_steps, told.show_size) == (FACE_PROMPT, 50, None)


def test_what_a_model_recommends_is_read_as_it_was_written(tmp_path):
    for told in (MINI_RECOMMENDED, RecommendedConfig(guidance=3.5, guided_share=0.5)):
        save_recommended(tmp_path, told)
        assert load_recommended(tmp_path) == told


def test_what_is_chosen_wins_over_what_a_model_recommends():
    told = MINI_RECOMMENDED.config(seed=3, first_guidance=None)
    assert (told.seed, told.num_steps, told.eta) == (3, 20, 0.0)
    assert (told.first_guidance, told.guided_share, told.settles) == (2.0, 1.0, 1)
    chosen = MINI_RECOMMENDED.config(num_steps=4, eta=1.0, settles=0)
    assert (chosen.num_steps, chosen.eta, chosen.settles) == (4, 1.0, 0)
    assert RecommendedConfig().config() == ImagineConfig()


@pytest.mark.parametrize("text", ["", "[]", '{"steps": 3}', '{"num_steps": "3"}'])
def test_recommendations_that_cannot_be_read_are_named(tmp_path, text):
    (tmp_path / RECOMMENDED).write_text(text)
    with pytest.raises(WeightsError, match="recommended.json is not readable"):
        load_recommended(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_models_own_prompt_is_read_before_the_users_words(tmp_path):
    save_tiny_suite(tmp_path)
    save_recommended(tmp_path, RecommendedConfig(prompt="a hat"))
    model = load_stable_diffusion(tmp_path)
    expected = encode_text(model.text_encoder, prompt_ids(model.tokenizer, "a hat, red")).states
    assert torch.equal(encoded_prompt(model, "red"), expected)
    other = replace(model, recommended=RecommendedConfig(prompt="a face"))
    assert not torch.equal(encoded_prompt(other, "red"), expected)
