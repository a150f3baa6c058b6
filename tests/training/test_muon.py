import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from imagineid_core.training.muon import Muon, muon_groups, orthogonalised


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(2, 24), columns=st.integers(2, 24), seed=st.integers(0, 1000))
def test_an_update_has_singular_values_near_one(rows, columns, seed):
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    # The quintic's fixed band is 0.68 ... 1.13 (Jordan et al.). Square random matrices have values
    # near zero, which five steps lift only part of the way: so the median, and a bound above.
    assert values.max() < 1.25
    assert 0.6 < values.median() < 1.25


def test_the_directions_of_the_gradient_are_kept():
    """Orthogonalising U S V' gives about U V': the same singular vectors."""
    matrix = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonalised(matrix) @ v.T
    off_diagonal = inside - inside.diag().diag()
    assert off_diagonal.abs().max() < 1e-4  # float32 through five products
    assert inside.diag().min() > 0.5


def test_only_matrices_are_orthogonalised_and_only_they_decay():
    module = nn.ModuleDict(
        {"linear": nn.Linear(4, 5), "words": nn.Embedding(3, 4), "norm": nn.LayerNorm(4)}
    )
    matrices, others = muon_groups(module)
    assert [tuple(weight.shape) for weight in matrices["params"]] == [(5, 4)]
    assert {tuple(weight.shape) for weight in others["params"]} == {(5,), (3, 4), (4,)}
    assert others["weight_decay"] == 0.0


def test_frozen_weights_are_left_out():
    module = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    module[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in muon_groups(module)) == 2


def test_vectors_take_the_step_of_adamw():
    """The same numbers as torch's AdamW for everything that is not a matrix."""
    ours = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    theirs = nn.Parameter(ours.detach().clone())
    rate = {"lr": 0.1, "betas": (0.9, 0.95), "weight_decay": 0.02}
    muon = Muon([{"params": [ours], "orthogonal": False}], **rate)
    adam = torch.optim.AdamW([theirs], **rate)
    for step in range(5):
        for weight, optimizer in ((ours, muon), (theirs, adam)):
            optimizer.zero_grad()
            (weight * torch.tensor([1.0, step, -0.5])).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)  # one rounding a step


@pytest.mark.parametrize("size", [(4, 4), (8, 2), (3, 2, 3, 3)])
def test_muon_solves_a_least_squares_problem(size):
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(size, generator=generator)
    weight = nn.Parameter(torch.zeros(size))
    optimizer = Muon([{"params": [weight], "orthogonal": True}], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        for group in optimizer.param_groups:
            group["lr"] *= 0.97
        optimizer.step()
    assert (weight - target).square().mean() < 0.01 * target.square().mean()
