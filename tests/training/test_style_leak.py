"""What a straight cut tells of the style is measured, and can be trained away."""

import torch
from torch import nn

from imagineid_core.training.style_leak import StyleLeak

STYLES, WIDTH = 3, 8


def rows(generator: torch.Generator, told: float, num_rows: int = 256):
    """Noise, and `told` of the style in the first three features, each row's mean far from zero."""
    style = torch.randint(STYLES, (num_rows,), generator=generator)
    noise = torch.randn(num_rows, WIDTH, generator=generator)
    shown = nn.functional.one_hot(style, WIDTH).float()
    return 5 + (1 - told) * noise + told * 4 * shown, style


def leak_of(told: float, *, steps: int = 20) -> float:
    generator = torch.Generator().manual_seed(0)
    leak = StyleLeak(WIDTH, STYLES)
    for _ in range(steps):
        leak(*rows(generator, told))
    leak.eval()
    return float(leak(*rows(generator, told, 4096)))


def test_it_is_the_share_of_the_styles_that_can_be_told():
    assert abs(leak_of(0.0)) < 0.02
    assert leak_of(0.99) > 0.95
    assert 0.2 < leak_of(0.3) < leak_of(0.5) < 0.95


def test_styles_of_unequal_number_tell_nothing_by_their_number():
    generator = torch.Generator().manual_seed(0)
    leak = StyleLeak(WIDTH, STYLES)
    for _ in range(20):
        features, style = rows(generator, 0.0)
        leak(features, torch.where(style == 1, 0, style))
    assert abs(float(leak(*rows(generator, 0.0, 4096)))) < 0.1


def test_a_network_can_be_trained_against_it():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    leak, net = StyleLeak(WIDTH, STYLES), nn.Linear(WIDTH, WIDTH)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    calming = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 400)
    seen = []
    for _ in range(400):
        features, style = rows(generator, 0.5)
        loss = leak(net(features), style)
        seen.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        calming.step()
    assert min(seen[:5]) > 0.5
    assert max(seen[-5:]) < 0.1


def test_validation_leaves_what_it_has_learned_alone():
    generator = torch.Generator().manual_seed(0)
    leak = StyleLeak(WIDTH, STYLES)
    assert float(leak.eval()(*rows(generator, 0.9))) == 0  # nothing heard yet
    leak.train()(*rows(generator, 0.9))
    before = {name: value.clone() for name, value in leak.state_dict().items()}
    leak.eval()(*rows(generator, 0.9))
    assert all(torch.equal(value, before[name]) for name, value in leak.state_dict().items())
