import numpy as np
import pytest

from imagineid_core.errors import InputError
from imagineid_core.evaluation.tsne import (
    TsneConfig,
    _affinities,
    _gradient,
    _shares,
    tsne,
)


def clusters(num=25, dim=20):
    random = np.random.default_rng(0)
    centres = np.repeat(random.standard_normal((3, dim)) * 8, num, axis=0)
    return centres + random.standard_normal(centres.shape), np.repeat(np.arange(3), num)


def test_clusters_stay_together_and_apart():
    rows, label = clusters()
    places = tsne(rows)
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(axis=1)] == label).all()
    middle = np.stack([places[label == one].mean(axis=0) for one in range(3)])
    width = max(places[label == one].std(axis=0).max() for one in range(3))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(middle[a] - middle[b]) > 3 * width


def test_the_same_rows_give_the_same_picture():
    rows, _ = clusters(8)
    assert (tsne(rows) == tsne(rows.copy())).all()


def test_affinities_have_the_perplexity_asked_for():
    rows, _ = clusters()
    affinity = _affinities(rows, 10.0)
    assert affinity.sum() == pytest.approx(1)
    np.testing.assert_array_equal(affinity, affinity.T)
    # one row alone, before the two directions are averaged, is checked by its entropy
    squared = np.delete(((rows - rows[0]) ** 2).sum(axis=1), 0)
    share = _shares(squared - squared.min(), np.log(10.0))
    share = share[share > 0]
    assert np.exp(-(share * np.log(share)).sum()) == pytest.approx(10, rel=1e-3)


def test_the_gradient_is_that_of_the_divergence():
    """Parity with central differences of KL(P || Q)."""
    rows, _ = clusters(4)
    attraction = _affinities(rows, 3.0)
    places = np.random.default_rng(1).standard_normal((12, 2))

    def divergence(at):
        nearness = 1 / (1 + ((at[:, None] - at[None]) ** 2).sum(axis=-1))
        np.fill_diagonal(nearness, 0)
        q = nearness / nearness.sum()
        seen = attraction > 0
        return (attraction[seen] * np.log(attraction[seen] / q[seen])).sum()

    slope = _gradient(places, attraction)
    for row, axis in ((0, 0), (5, 1), (11, 0)):
        step = np.zeros_like(places)
        step[row, axis] = 1e-5
        expected = (divergence(places + step) - divergence(places - step)) / 2e-5
        assert slope[row, axis] == pytest.approx(expected, rel=1e-4)


def test_repeated_rows_do_not_divide_by_zero():
    places = tsne(np.zeros((10, 3)), TsneConfig(num_steps=20))
    assert np.isfinite(places).all()


@pytest.mark.parametrize("num", [3, 2001])
def test_too_few_or_too_many_rows_are_named(num):
    with pytest.raises(InputError, match=f"t-SNE has {num} rows"):
        tsne(np.zeros((num, 2)))
