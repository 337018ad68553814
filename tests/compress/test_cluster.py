"""Clustered layers take few values, also as int8 codes behind a folded norm; the centroids learn, the codes stay."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="clustering needs the workshop extra")

from fitted_network import Fitted, monitor

from bedside.base.errors import RecipeError
from bedside.compress.cluster import Cluster
from bedside.compress.codebooks import Codebook, bind, k_means, n_values, unbind
from bedside.train.checkpoint import load_weights, save_weights, weights_digest
from bedside.train.fitting import logits_of

pytestmark = pytest.mark.workshop


def test_k_means_finds_what_sklearn_finds() -> None:
    cluster = pytest.importorskip("sklearn.cluster")
    values = np.random.default_rng(0).normal(size=2000)
    centroids, nearest = k_means(values, 8)
    start = np.linspace(values.min(), values.max(), 8)[:, None]
    theirs = cluster.KMeans(8, init=start, n_init=1, max_iter=500, tol=0).fit(values[:, None])
    np.testing.assert_allclose(centroids, np.sort(theirs.cluster_centers_[:, 0]), atol=5e-3)
    np.testing.assert_array_equal(nearest, np.abs(values[:, None] - centroids[None]).argmin(1))


def test_a_centroid_without_members_stays() -> None:
    centroids, nearest = k_means(np.array([0.0, 0.0, 1.0]), 4)
    np.testing.assert_allclose(centroids, [0, 1 / 3, 2 / 3, 1])
    assert set(nearest.tolist()) == {0, 3}


def test_a_layer_has_as_many_codes_as_centroids_whatever_its_channels_are_scaled_by() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(8, 16, 3), torch.nn.Conv2d(16, 16, 3, groups=16))
    assert bind(model, 16) == ["0"], "a depthwise kernel has nine weights"
    conv = unbind(model)[0]
    assert n_values(conv) <= 16
    with torch.no_grad():
        conv.weight *= torch.randn(16, 1, 1, 1)  # as a folded batch norm does, some channels negative
    assert n_values(conv) <= 16
    assert len(torch.unique((conv.weight / conv.weight.abs().amax((1, 2, 3), keepdim=True)).round(decimals=4))) <= 16


def test_the_gradient_of_a_centroid_is_the_sum_over_its_weights() -> None:
    weight = torch.tensor([[1.0, -0.5, 0.5, -1.0], [2.0, 1.0, -1.0, 2.0]])
    book = Codebook(weight, 4)
    torch.testing.assert_close(book(weight), weight)
    pull = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    (book(weight) * pull).sum().backward()
    small = -0.5 * 2 + 0.5 * 3
    assert book.magnitudes.grad is not None
    signed = torch.sign(weight) * pull * book.scale
    expected = [signed[weight.abs() / book.scale == m].sum().item() for m in (0.5, 1.0)]
    torch.testing.assert_close(book.magnitudes.grad, torch.tensor(expected))
    assert small != 0


def test_clustering_keeps_the_answers_and_the_disk_keeps_the_codebook(fitted: Fitted, tmp_path) -> None:
    before = weights_digest(fitted.model)
    made = Cluster(n_centroids=16, epochs_frac=0.2)(fitted.model, fitted.recipe, fitted.bench)
    assert weights_digest(fitted.model) == before
    data = fitted.data

    def score(model):
        return monitor(data.tuning_targets, logits_of(model, data.tuning, data.preprocess))

    assert score(made) > score(fitted.model) - 0.05
    counts = [n_values(m) for m in made.modules() if isinstance(m, torch.nn.Conv2d) and m.weight[0].numel() >= 16]
    assert counts
    assert max(counts) <= 16
    save_weights(made, tmp_path / "w.safetensors")
    again = load_weights(deepcopy(fitted.model), tmp_path / "w.safetensors")
    assert weights_digest(again) == weights_digest(made)


def test_fine_tuning_moves_centroids_only_where_it_is_asked_for(fitted: Fitted) -> None:
    still = Cluster(n_centroids=8, epochs_frac=0)(fitted.model, fitted.recipe, fitted.bench)
    moved = Cluster(n_centroids=8, epochs_frac=0.1)(fitted.model, fitted.recipe, fitted.bench)
    first = next(name for name, m in still.named_modules() if isinstance(m, torch.nn.Conv2d) and m.in_channels > 1)
    a, b = (model.get_submodule(first).weight for model in (still, moved))
    assert torch.equal(torch.sign(a), torch.sign(b)) or (b == 0).any()
    assert not torch.equal(a, b)


def test_more_centroids_than_weights_are_refused(fitted: Fitted, refuses) -> None:
    small = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with refuses(RecipeError, "no layer has 16 weights"):
        Cluster(n_centroids=16)(small, replace(fitted.recipe), fitted.bench)
