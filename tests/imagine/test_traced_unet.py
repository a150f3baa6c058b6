import pytest
import torch

from imagineid_core.imagine import traced_unet
from imagineid_core.imagine.traced_unet import TracedUNet, quickened
from tests.imagine.tiny_diffusion import TEXT_WIDTH, WIDTHS, tiny_model

FEATURES = "down_intrablock_additional_residuals"


def usual_call(number, *, is_steered, batch=1):
    generator = torch.Generator().manual_seed(number)

    def drawn(*size):
        return torch.randn(*size, generator=generator)

    given = {"encoder_hidden_states": drawn(batch, 6, TEXT_WIDTH), "return_dict": False}
    if is_steered:
        given[FEATURES] = [
            drawn(1, width, 8 // 2**level, 8 // 2**level) for level, width in enumerate(WIDTHS)
        ]
    return (drawn(batch, 4, 8, 8), torch.tensor(100 * number + 1)), given


@pytest.mark.parametrize("is_steered", [False, True])
@torch.no_grad()
def test_traced_calls_give_the_same_bits(monkeypatch, is_steered):
    monkeypatch.setattr(traced_unet, "_WORTH", 3)
    model = tiny_model()
    quick = quickened(model).unet
    for number in range(5):
        for batch in (1, 2):
            given, named = usual_call(number, is_steered=is_steered, batch=batch)
            (made,) = quick(*given, **named)
            given, named = usual_call(number, is_steered=is_steered, batch=batch)
            assert torch.equal(made, model.unet(*given, **named)[0]), (number, batch)
    assert len(quick._traced) == 2


@torch.no_grad()
def test_only_what_is_asked_for_often_is_traced(monkeypatch):
    monkeypatch.setattr(traced_unet, "_WORTH", 3)
    quick = TracedUNet(tiny_model().unet)
    for number, is_steered in enumerate([False, True, False, True]):
        given, named = usual_call(number, is_steered=is_steered)
        quick(*given, **named)
    assert not quick._traced
    given, named = usual_call(4, is_steered=True)
    quick(*given, **named)
    assert len(quick._traced) == 1


def test_a_call_of_another_kind_goes_to_the_unet_itself(monkeypatch):
    monkeypatch.setattr(traced_unet, "_WORTH", 1)
    model = tiny_model()
    quick = TracedUNet(model.unet)
    given, named = usual_call(1, is_steered=False)
    with torch.no_grad():
        assert torch.equal(
            quick(*given, **(named | {"return_dict": True})).sample,
            model.unet(*given, **(named | {"return_dict": True})).sample,
        )
        quick(given[0], 5, named["encoder_hidden_states"], return_dict=False)
    model.unet.requires_grad_(True)
    quick(*given, **named)[0].sum().backward()  # as a training would
    assert any(one.grad is not None for one in model.unet.parameters())
    assert not quick._traced
    assert quick.config.cross_attention_dim == TEXT_WIDTH
    assert quick.dtype == torch.float32
    with pytest.raises(AttributeError):
        _ = quick.nothing_of_that_name
