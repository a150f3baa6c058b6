import numpy as np
import pytest
import torch

from imagineid_core.errors import InputError
from imagineid_core.evaluation.probes import ProbeConfig, fit_probe, folds, probe

LABELS = ["a", "b", "c"]


def clusters(distance, num=120, dim=6, seed=0):
    random = np.random.default_rng(seed)
    labels = [LABELS[i % 3] for i in range(num)]
    centres = np.eye(3, dim) * distance
    rows = np.stack([centres[LABELS.index(label)] for label in labels])
    rows = rows + random.standard_normal((num, dim))
    return torch.tensor(rows).float(), labels, [f"sentence {i // 4}" for i in range(num)]


def test_parted_clusters_are_told_apart():
    probed = probe(*clusters(20.0), seed=0)
    assert probed.accuracy == 1
    np.testing.assert_allclose(probed.confusion, np.eye(3))
    assert probed.chance == pytest.approx(1 / 3)


def test_noise_is_told_apart_by_chance_alone():
    accuracies = [probe(*clusters(0.0, seed=seed), seed=seed).accuracy for seed in range(10)]
    # ten times 120 rows: one sigma of the mean is 0.014
    assert np.mean(accuracies) == pytest.approx(1 / 3, abs=0.05)


def test_a_feature_of_the_sentence_alone_does_not_help():
    """Held out together: a probe that learns sentences by heart would be right without folds."""
    labels = [LABELS[i % 3] for i in range(60) for _ in range(4)]
    groups = [f"sentence {i}" for i in range(60) for _ in range(4)]
    rows = torch.eye(60).repeat_interleave(4, dim=0)
    assert probe(rows, labels, groups, seed=0).accuracy < 0.45
    each_alone = [str(i) for i in range(len(groups))]
    assert probe(rows, labels, each_alone, seed=0).accuracy == 1


def test_folds_keep_groups_whole_and_depend_on_the_seed_alone():
    groups = [f"g{i % 17}" for i in range(100)]
    first = folds(groups, 5, 3)
    for group in set(groups):
        assert len({fold for fold, name in zip(first, groups, strict=True) if name == group}) == 1
    assert set(first.tolist()) == set(range(5))
    assert (first == folds(groups, 5, 3)).all()
    assert (first != folds(groups, 5, 4)).any()


def test_the_fit_is_the_optimum_of_penalised_logistic_regression():
    """Parity with the definition: at the optimum the gradient vanishes."""
    rows, labels, _ = clusters(1.0)
    truth = torch.tensor([LABELS.index(label) for label in labels])
    fitted = fit_probe(rows, truth, 3, config=ProbeConfig(num_steps=500))
    weight, bias = (t.clone().requires_grad_(True) for t in (fitted.weight, fitted.bias))
    scaled = (rows.double() - fitted.mean) / fitted.spread
    cost = torch.nn.functional.cross_entropy(scaled @ weight + bias, truth, reduction="sum")
    (cost + weight.square().sum() / 2).backward()
    # L-BFGS stops when its own gradient, divided by 120 rows, is below 1e-7
    assert weight.grad.abs().max() < 1e-3
    assert bias.grad.abs().max() < 1e-3


def test_units_of_a_feature_do_not_matter():
    rows, labels, groups = clusters(1.5)
    scaled = rows * torch.tensor([1e-3, 1.0, 1e3, 5.0, 1.0, 0.1]) + 7
    one, other = (probe(features, labels, groups, seed=1) for features in (rows, scaled))
    assert (
        one.predicted == other.predicted
    ).mean() > 0.98  # float32 rounds what lies on the border


def test_a_constant_feature_gives_chance():
    rows, labels, groups = clusters(5.0)
    assert probe(torch.ones_like(rows), labels, groups, seed=0).accuracy < 0.5


def test_lengths_that_differ_and_single_labels_are_named():
    rows, labels, groups = clusters(1.0)
    with pytest.raises(InputError, match="features has 120 rows, labels 119, groups 120"):
        probe(rows, labels[1:], groups, seed=0)
    with pytest.raises(InputError, match="a probe of 1 labels in 30 groups"):
        probe(rows, ["a"] * 120, groups, seed=0)
