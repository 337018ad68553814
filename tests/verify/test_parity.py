"""Parity: the first broken stage is named, and nothing that is not a number passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from bedside.base.errors import ShapeError
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import EDGE_CASES, EXACT_TOLERANCE_PROB, check_parity, edge_images

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="")
EDGES = (edge_images((1, 6, 6)).astype(np.float32) - 127) / 128
IMAGES = np.random.default_rng(0).normal(size=(200, 1, 6, 6)).astype(np.float32)


@dataclass(frozen=True)
class Model:
    """A session that scores the mean of the image, then changes its answer."""

    change: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda score, images: score

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        images = inputs["image"]
        score = self.change(8 * images.mean(axis=(1, 2, 3)), images)
        return {"logits": np.stack([-score, score], axis=1).astype(np.float32)}


def is_edge(images: np.ndarray) -> bool:
    return len(images) == len(EDGES)


SAME = Model()
OFF_BY_A_HAIR = Model(lambda score, images: score + 1e-4)
OFF_BY_MUCH = Model(lambda score, images: score + 0.3)
NAN_ONCE = Model(lambda score, images: np.where(np.arange(len(score)) == 3, np.nan, score))
NAN_ON_EDGES = Model(lambda score, images: score * np.nan if is_edge(images) else score)
WRONG_ON_EDGES = Model(lambda score, images: -score if is_edge(images) else score)
NOISY = Model(lambda score, images: score + np.random.default_rng(1).normal(size=len(score)) * 0.02)


def report(*chain: tuple[str, Model]):
    return check_parity(chain, IMAGES, EDGES, POINT)


def test_an_identical_chain_passes_with_no_change_at_all() -> None:
    got = report(("eager", SAME), ("exported", SAME), ("litert fp32", SAME), ("litert int8", SAME))
    assert got.passed
    assert got.broken_stage == ""
    assert got.chain == ("eager", "exported", "litert fp32", "litert int8")
    assert [stage.stage for stage in got.stages] == ["exported", "litert fp32", "litert int8"]
    assert got.n_images == 200
    for stage in (*got.stages, got.end_to_end):
        assert (stage.max_change_prob, stage.max_change_steps, stage.flips_frac, stage.edge_change_prob) == (0, 0, 0, 0)


def test_a_hairs_breadth_passes_and_is_measured() -> None:
    got = report(("eager", SAME), ("litert fp32", OFF_BY_A_HAIR))
    assert got.passed
    assert 0 < got.stages[0].max_change_prob < EXACT_TOLERANCE_PROB
    assert 0 < got.stages[0].mean_change_prob <= got.stages[0].max_change_prob


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("broken", [OFF_BY_MUCH, NAN_ONCE, NAN_ON_EDGES, WRONG_ON_EDGES])
def test_the_stage_that_breaks_is_named_even_if_all_later_ones_agree_with_it(at: int, broken: Model) -> None:
    names = ("eager", "exported", "onnx fp32", "litert fp32")
    chain = [(name, SAME if i < at else broken) for i, name in enumerate(names)]
    got = report(*chain)
    assert not got.passed
    assert got.broken_stage == names[at]
    assert not got.end_to_end.passed


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (OFF_BY_MUCH, "a probability changes by"),
        (NAN_ONCE, "not a finite number"),
        (NAN_ON_EDGES, "not a finite number"),
        (WRONG_ON_EDGES, "edge case"),
    ],
)
def test_the_reason_is_said(broken: Model, word: str) -> None:
    assert word in report(("eager", SAME), ("litert fp32", broken)).stages[0].broken_by


@pytest.mark.parametrize("reference", [NAN_ONCE, NAN_ON_EDGES])
def test_a_reference_that_is_not_a_number_does_not_pass_either(reference: Model) -> None:
    got = report(("eager", reference), ("litert fp32", SAME))
    assert not got.passed
    assert got.broken_stage == "litert fp32"


def test_int8_may_move_a_case_but_not_many_calls() -> None:
    got = report(("eager", SAME), ("litert int8", NOISY))
    assert got.passed
    assert got.stages[0].max_change_prob > EXACT_TOLERANCE_PROB
    drift = report(("eager", SAME), ("litert int8", Model(lambda score, images: score + 0.3)))
    assert not drift.passed
    assert "calls flip" in drift.stages[0].broken_by


def test_flips_are_counted_at_the_locked_threshold() -> None:
    scores = 8 * IMAGES.mean(axis=(1, 2, 3))
    shifted = Model(lambda score, images: score + 0.3)
    got = report(("eager", SAME), ("litert int8", shifted)).stages[0]
    assert got.flips_frac == pytest.approx(((scores >= 0) != (scores + 0.3 >= 0)).mean())
    assert got.flips_frac > 0.02
    far = OperatingPoint(temperature=1.0, threshold_prob=0.9999, positive=1, rule="")
    assert check_parity([("eager", SAME), ("litert int8", shifted)], IMAGES, EDGES, far).stages[0].flips_frac == 0


def test_small_steps_in_one_direction_are_caught_end_to_end() -> None:
    """Each of five stages is within tolerance; together they are not."""
    chain = [(f"stage{i} fp32", Model(lambda score, images, i=i: score + 0.003 * i)) for i in range(6)]
    got = report(*chain)
    assert all(stage.passed for stage in got.stages)
    assert not got.end_to_end.passed
    assert got.broken_stage == "end to end"


def test_the_change_in_int8_steps() -> None:
    scores = 8 * IMAGES.mean(axis=(1, 2, 3))
    step = np.ptp(np.concatenate([scores, -scores])) / 255
    got = report(("eager", SAME), ("litert int8", Model(lambda score, images: score + 2 * step)))
    assert got.stages[0].max_change_steps == pytest.approx(2, rel=1e-4)


def test_the_edge_cases_are_what_they_are_called() -> None:
    black, white, noise, spot = edge_images((3, 10, 12))
    assert len(EDGE_CASES) == 4
    assert not black.any()
    assert (white == 255).all()
    assert set(np.unique(noise)) == {0, 255}
    assert (spot > 0).sum() == 3
    np.testing.assert_array_equal(edge_images((3, 10, 12))[2], noise)


@pytest.mark.parametrize(
    ("chain", "images", "edges"),
    [
        ([("eager", SAME)], IMAGES, EDGES),
        ([], IMAGES, EDGES),
        ([("eager", SAME), ("fp32", SAME)], IMAGES[:0], EDGES),
        ([("eager", SAME), ("fp32", SAME)], IMAGES, EDGES[:0]),
    ],
)
def test_nothing_to_compare_does_not_read_as_agreement(refuses, chain, images, edges) -> None:
    with refuses(ShapeError):
        check_parity(chain, images, edges, POINT)
