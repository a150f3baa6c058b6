"""Linear probes: how well a straight cut through a feature tells a factor apart.

What a probe cannot read off a feature, no linear layer behind it can use: the measure of
disentanglement for Fig. 7. Knows nothing about what features and labels mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from imagineid_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Multinomial logistic regression; `penalty` is 1 / C of the usual C = 1."""

    num_folds: int = 5
    penalty: float = 1.0  # of half the squared weights, beside the summed cross-entropy
    num_steps: int = 100  # L-BFGS iterations, at most


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a probe said of every row while that row was held out."""

    labels: tuple[str, ...]  # sorted; predictions and truths count through them
    predicted: Int[np.ndarray, " rows"]
    truth: Int[np.ndarray, " rows"]

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.truth).mean())

    @property
    def chance(self) -> float:
        """Accuracy of always naming the most frequent label."""
        return float(np.bincount(self.truth).max() / len(self.truth))

    @property
    def confusion(self) -> Float[np.ndarray, "truths predictions"]:
        """Shares of each truth; rows add up to 1."""
        size = len(self.labels)
        table = np.zeros((size, size))
        np.add.at(table, (self.truth, self.predicted), 1)
        return table / np.maximum(table.sum(axis=1, keepdims=True), 1)


PROBE = ProbeConfig()


def probe(
    features: Float[Tensor, "rows dim"],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    seed: int,
    config: ProbeConfig = PROBE,
) -> Probed:
    """Cross-validated by group: rows of one group (a sentence) are all held out together."""
    if not len(features) == len(labels) == len(groups):
        raise InputError(
            f"features has {len(features)} rows, labels {len(labels)}, groups {len(groups)}. "
            "Give one label and one group for each row."
        )
    names = tuple(sorted(set(labels)))
    fold = folds(groups, config.num_folds, seed)
    if len(names) < 2 or len(set(fold.tolist())) < 2:
        raise InputError(
            f"a probe of {len(names)} labels in {len(set(groups))} groups tells nothing apart. "
            "Give at least two of each."
        )
    truth = torch.tensor([names.index(label) for label in labels])
    predicted = torch.zeros_like(truth)
    for number in sorted(set(fold.tolist())):
        held_out = torch.from_numpy(fold == number)
        fitted = fit_probe(features[~held_out], truth[~held_out], len(names), config=config)
        predicted[held_out] = fitted(features[held_out]).argmax(dim=1)
    return Probed(labels=names, predicted=predicted.numpy(), truth=truth.numpy())


def folds(groups: Sequence[str], num_folds: int, seed: int) -> np.ndarray:
    """A fold for each row; groups stay whole and are dealt out like cards after shuffling."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = {names[group]: position % num_folds for position, group in enumerate(order)}
    return np.array([fold_of[group] for group in groups])


@dataclass(frozen=True, kw_only=True)
class FittedProbe:
    """Standardised as in the fit, then one linear map."""

    mean: Float[Tensor, " dim"]
    spread: Float[Tensor, " dim"]
    weight: Float[Tensor, "dim labels"]
    bias: Float[Tensor, " labels"]

    def __call__(self, features: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows labels"]:
        return (features.double() - self.mean) / self.spread @ self.weight + self.bias


def fit_probe(
    features: Float[Tensor, "rows dim"],
    truth: Int[Tensor, " rows"],
    num_labels: int,
    *,
    config: ProbeConfig = PROBE,
) -> FittedProbe:
    """The optimum of a convex loss, so it depends on no seed."""
    rows = features.detach().double()
    mean, spread = rows.mean(dim=0), rows.std(dim=0, unbiased=False)
    spread = torch.where(spread > 1e-9, spread, 1.0)
    rows = (rows - mean) / spread
    weight = torch.zeros(rows.shape[1], num_labels, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(num_labels, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=config.num_steps, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        cost = nn.functional.cross_entropy(rows @ weight + bias, truth, reduction="sum")
        cost = (cost + config.penalty / 2 * weight.square().sum()) / len(rows)
        cost.backward()
        return cost

    optimiser.step(loss)
    return FittedProbe(mean=mean, spread=spread, weight=weight.detach(), bias=bias.detach())
