"""Deletion and insertion on a model of which we know what it goes by."""

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.deletion import N_STEPS, area_under, blurred, deletion_curve, faithfulness, insertion_curve
from bedside.verify.metrics import softmax
from bedside.verify.operating_point import OperatingPoint

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")
SIDE = 20


class Spots:
    """Its log-odds grow with the number of bright pixels in the left half."""

    def run(self, inputs):
        score = (inputs["image"][:, 0, :, : SIDE // 2] > 0.5).sum(axis=(1, 2)) / 8 - 3
        return {"logits": np.stack([np.zeros_like(score), score], axis=1)}


def image(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.zeros((1, SIDE, SIDE), np.float32)
    top, left = rng.integers(0, 13), rng.integers(0, 4)
    made[:, top : top + 7, left : left + 6] = 1
    return made


def test_the_curve_is_the_definition() -> None:
    """Against deletion written out, one step after the other."""
    heat = np.random.default_rng(1).random((SIDE, SIDE))
    order = np.argsort(-heat.ravel())
    expected = []
    for n in np.linspace(0, SIDE * SIDE, N_STEPS + 1).round().astype(int):
        changed = image(0).reshape(1, -1).copy()
        changed[:, order[:n]] = image(0).mean()
        expected.append(softmax(Spots().run({"image": changed.reshape(1, 1, SIDE, SIDE)})["logits"])[0, 1])
    np.testing.assert_allclose(deletion_curve(Spots(), image(0), heat, POINT, 1), expected, atol=1e-6)


def test_a_true_map_falls_and_rises_faster_than_a_false_one() -> None:
    true = image(0)[0].astype(float)
    false = true[:, ::-1]
    down = [area_under(deletion_curve(Spots(), image(0), heat, POINT, 1)) for heat in (true, false)]
    up = [area_under(insertion_curve(Spots(), image(0), heat, POINT, 1)) for heat in (true, false)]
    assert down[0] < down[1] - 0.2
    assert up[0] > up[1] + 0.1


def test_the_ends_are_the_image_and_what_is_left_of_it() -> None:
    heat = np.random.default_rng(1).random((SIDE, SIDE))
    whole = POINT.probabilities(Spots().run({"image": image(0)[None]})["logits"])[0, 1]
    assert deletion_curve(Spots(), image(0), heat, POINT, 1)[0] == pytest.approx(whole)
    assert insertion_curve(Spots(), image(0), heat, POINT, 1)[-1] == pytest.approx(whole)
    assert not np.allclose(blurred(image(0)), image(0), atol=0.2)


def test_the_blur_is_scipys() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    picture = np.random.default_rng(0).random((2, 30, 20)).astype(np.float32)
    sigma = 3.0
    expected = ndimage.gaussian_filter(picture, (0, sigma, sigma), mode="nearest", truncate=10 / sigma)
    np.testing.assert_allclose(blurred(picture), expected, atol=1e-4)


def test_areas() -> None:
    assert area_under(np.linspace(1, 0, N_STEPS + 1)) == pytest.approx(0.5)
    assert area_under(np.ones(N_STEPS + 1)) == 1


def test_means_over_cases_with_the_maps_of_others_beside_them() -> None:
    images = np.stack([image(seed) for seed in range(12)])
    maps, units = images[:, 0].astype(float), [str(i) for i in range(12)]
    maps[3] = 0
    found = faithfulness(Spots(), images, maps, np.ones(12, int), POINT, units)
    assert found.deletion.high < found.deletion_unrelated.low
    assert found.insertion.low > found.insertion_unrelated.high
    assert found.deletion.n_patients == 11, "a blank map has no order"
    assert len(found.share_frac) == len(found.deletion_prob) == len(found.insertion_prob) == N_STEPS + 1
    assert area_under(np.array(found.deletion_prob)) == pytest.approx(found.deletion.value)


def test_blank_maps_alone_give_no_number() -> None:
    images = np.stack([image(seed) for seed in range(3)])
    found = faithfulness(Spots(), images, np.zeros((3, SIDE, SIDE)), np.ones(3, int), POINT, list("abc"))
    assert np.isnan(found.deletion.value)
    assert found.deletion_prob == ()


def test_a_map_of_another_size_is_refused(refuses) -> None:
    with refuses(ShapeError, "(4, 4)"):
        deletion_curve(Spots(), image(0), np.zeros((4, 4)), POINT, 1)
