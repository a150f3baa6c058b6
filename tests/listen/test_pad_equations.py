"""Eq. 1-7 written out a second time, slowly, and compared with the networks."""

import math

import pytest
import torch

from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.emotion import EmotionNet
from imagineid_core.listen.identity import IdentityNet
from imagineid_core.listen.transformer import ListenConfig, with_positions
from tests.tiny import TINY, tiny_pad

EXACT = {"atol": 1e-5, "rtol": 1e-5}  # the same float32 sums in another order


@pytest.fixture
def windows():
    return torch.randn(2, 5, 1280, generator=torch.Generator().manual_seed(3))


def positions(num_tokens: int, width: int) -> torch.Tensor:
    rows = [
        [
            (math.sin if column % 2 == 0 else math.cos)(
                token / 10_000 ** ((column - column % 2) / width)
            )
            for column in range(width)
        ]
        for token in range(num_tokens)
    ]
    return torch.tensor(rows)


def slow_transformer(net, tokens):
    """One head at a time, one query at a time."""
    for layer in net.layers:
        normed = layer.attention_norm(tokens)
        query, key, value = layer.query_key_value(normed).chunk(3, dim=-1)
        heads = []
        size = query.shape[-1] // layer.num_heads
        for head in range(layer.num_heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(size)
            heads.append(scores.softmax(dim=-1) @ value[..., part])
        tokens = tokens + layer.attention_out(torch.cat(heads, dim=-1))
        tokens = tokens + layer.feed_forward(layer.feed_forward_norm(tokens))
    return net.norm(tokens)


def test_positions_are_sines_and_cosines():
    torch.testing.assert_close(
        with_positions(torch.zeros(1, 7, 16))[0], positions(7, 16), atol=1e-6, rtol=1e-5
    )


def test_identity_is_equations_1_and_2(windows):
    net = tiny_pad().identity
    token = net.shape_token.expand(2, 1, -1)
    tokens = torch.cat([token, net.embed(windows)], dim=1) + positions(6, TINY.width)
    out = slow_transformer(net.encoder, tokens)  # Eq. 1
    heard = net(windows)
    torch.testing.assert_close(heard.shape, net.shape_head(out[:, 0]), **EXACT)  # Eq. 2
    torch.testing.assert_close(heard.semantics, out[:, 1:].mean(dim=1), **EXACT)  # Eq. 2


def test_content_is_equations_4_and_5(windows):
    net = tiny_pad().content
    shape = torch.randn(2, 80)
    linguistic = slow_transformer(net.encoder, net.embed(windows) + positions(5, TINY.width))
    lip = net.expression_head(
        slow_transformer(net.decoder, linguistic + net.shape_embed(shape)[:, None])
    )
    heard = net(windows, shape)
    torch.testing.assert_close(heard.linguistic, linguistic, **EXACT)  # Eq. 4
    torch.testing.assert_close(heard.lip_expression, lip, **EXACT)  # Eq. 5


def test_emotion_is_equations_6_and_7(windows):
    net = tiny_pad().emotion
    shape, linguistic = torch.randn(2, 80), torch.randn(2, 5, TINY.width)
    encoded = slow_transformer(net.encoder, net.embed(windows) + positions(5, TINY.width))
    style = encoded.mean(dim=1)  # Eq. 6
    tokens = style[:, None] + linguistic + net.shape_embed(shape)[:, None]
    heard = net(windows, linguistic, shape)
    torch.testing.assert_close(heard.style[:, 0], style, **EXACT)
    torch.testing.assert_close(
        heard.expression, net.expression_head(slow_transformer(net.decoder, tokens)), **EXACT
    )  # Eq. 7


def test_mlps_are_two_linear_layers():
    linears = [m for m in tiny_pad().content.embed if isinstance(m, torch.nn.Linear)]
    assert len(linears) == 2


def test_the_defaults_are_the_papers_sizes():
    """Counted on the meta device: nothing of 67 M parameters is allocated."""
    with torch.device("meta"):
        nets = [net(ListenConfig()) for net in (IdentityNet, ContentNet, EmotionNet)]
    layers = [len(net.encoder.layers) for net in nets]
    assert layers == [4, 4, 4]
    assert nets[1].decoder.layers[0].num_heads == 8
    assert nets[0].shape_token.shape == (512,)
    assert nets[0].embed[0].in_features == 1280
    assert nets[0].shape_head[-1].out_features == 80
    assert nets[2].expression_head[-1].out_features == 64


def test_every_network_learns_from_its_outputs(windows):
    """Each parameter gets a gradient: no part of the network is disconnected."""
    pad = tiny_pad()
    who = pad.identity(windows)
    what = pad.content(windows, who.shape)
    how = pad.emotion(windows, what.linguistic, who.shape)
    total = sum(
        output.square().sum()
        for output in (who.shape, who.semantics, what.lip_expression, how.expression)
    )
    total.backward()
    silent = [
        f"{type(net).__name__}.{name}"
        for net in (pad.identity, pad.content, pad.emotion)
        for name, parameter in net.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []
