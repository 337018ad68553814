"""The gaze verdict: kept, moved, or not settled."""

import numpy as np
import pytest

from bedside.base.errors import InputError, ShapeError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.gaze import ExplanationReport, judge_gaze
from bedside.verify.sanity import check_sanity

SIDE = 16


def lesions(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    centres = rng.integers(4, SIDE - 4, size=(n, 2))
    return np.stack([(y - cy) ** 2 + (x - cx) ** 2 <= 9 for cy, cx in centres])


def maps_on(masks: np.ndarray, seed: int) -> np.ndarray:
    """Warm in the lesion; a smooth ground that is the same for every seed, so that two such maps agree."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    ground = 0.5 * np.abs(np.sin(5 * x + 3 * y)) + 0.02 * np.random.default_rng(seed).random((len(masks), SIDE, SIDE))
    return ground + masks


def units(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def test_a_gaze_that_stays() -> None:
    masks = lesions(80)
    report = judge_gaze("made", {"reference": maps_on(masks, 1), "small": maps_on(masks, 2)}, masks, units(80))
    (change,) = report.changes
    assert (change.model, change.against) == ("small", "reference")
    assert (change.maps_verdict, change.hits_verdict, change.verdict) == ("KEPT", "KEPT", "KEPT")
    assert change.mcnemar_p == 1
    assert [gaze.hit.value for gaze in report.gazes] == [1, 1]
    assert report.gazes[0].energy.low > report.even_energy.high
    assert report.blind_hit.value < 0.6
    assert str(change).startswith("KEPT: small against reference")


def test_a_gaze_that_moves_off_the_lesion() -> None:
    masks = lesions(80)
    away = maps_on(masks, 2)[:, ::-1, ::-1]
    (change,) = judge_gaze("made", {"reference": maps_on(masks, 1), "small": away}, masks, units(80)).changes
    assert (change.maps_verdict, change.hits_verdict, change.verdict) == ("MOVED", "MOVED", "MOVED")
    assert change.n_lost > 40
    assert change.n_gained == 0
    assert change.mcnemar_p < 1e-9
    assert change.hit_difference is not None
    assert change.hit_difference.high < -0.1


def test_few_patients_settle_nothing() -> None:
    masks = lesions(6)
    maps = maps_on(masks, 1)
    (change,) = judge_gaze("made", {"reference": maps, "small": maps}, masks, units(6)).changes
    assert change.verdict == "INCONCLUSIVE"
    many = lesions(60)
    maps = maps_on(many, 1)
    (change,) = judge_gaze("made", {"reference": maps, "small": maps}, many, ["one", "other"] * 30).changes
    assert change.verdict == "INCONCLUSIVE", "sixty images of two patients"


def test_a_small_loss_on_few_lesions_is_not_settled() -> None:
    masks = lesions(30)
    small = maps_on(masks, 2)
    small[:3] = small[:3, ::-1, ::-1]
    (change,) = judge_gaze("made", {"reference": maps_on(masks, 1), "small": small}, masks, units(30)).changes
    assert change.hits_verdict == "INCONCLUSIVE"
    assert change.verdict == "INCONCLUSIVE"


def test_without_masks_the_maps_alone_decide() -> None:
    masks = lesions(40)
    maps = {"reference": maps_on(masks, 1), "small": maps_on(masks, 2)}
    report = judge_gaze("made", maps, np.zeros_like(masks), units(40))
    (change,) = report.changes
    assert change.hits_verdict is None
    assert change.hit_difference is None
    assert change.verdict == "KEPT"
    assert report.n_lesions == 0


def test_every_model_stands_against_the_last() -> None:
    masks = lesions(40)
    maps = {name: maps_on(masks, i) for i, name in enumerate(("reference", "own fp32", "int8"))}
    report = judge_gaze("made", maps, masks, units(40))
    assert [(c.model, c.against) for c in report.changes] == [("int8", "reference"), ("int8", "own fp32")]
    assert [gaze.model for gaze in report.gazes] == ["reference", "own fp32", "int8"]


def test_the_report_survives_json() -> None:
    masks = lesions(12)
    maps = {"a": maps_on(masks, 1), "b": maps_on(masks, 2)}
    sanity = check_sanity("made", maps["a"], [("stem", maps["b"])], units(12))
    report = judge_gaze("made", maps, masks, units(12), sanity=[sanity], about="a test")
    assert from_json(ExplanationReport, to_json(report)) == report


@pytest.mark.parametrize(("margin", "agreement"), [(0, 0.7), (1, 0.7), (0.1, 0), (0.1, 1.1)])
def test_a_margin_that_is_none_is_refused(refuses, margin: float, agreement: float) -> None:
    masks = lesions(3)
    maps = {"a": maps_on(masks, 1), "b": maps_on(masks, 2)}
    with refuses(InputError, "set both before"):
        judge_gaze("made", maps, masks, units(3), hit_margin=margin, min_agreement=agreement)


def test_one_model_cannot_have_moved(refuses) -> None:
    masks = lesions(3)
    with refuses(InputError, "1 models"):
        judge_gaze("made", {"a": maps_on(masks, 1)}, masks, units(3))


def test_maps_that_depend_on_the_weights_are_sane() -> None:
    rng = np.random.default_rng(0)
    fitted, other = rng.random((20, 8, 8)), rng.random((20, 8, 8))
    found = check_sanity("made", fitted, [("head", fitted * 0.9), ("stem", other)], units(20))
    assert found.passed
    assert [step.layer for step in found.steps] == ["head", "stem"]
    assert found.steps[0].similarity.value > 0.99


def test_an_edge_detector_is_flagged() -> None:
    """A method that draws the image's edges gives the same map whatever the weights are."""
    edges = np.random.default_rng(0).random((20, 8, 8))
    found = check_sanity("edges", edges, [("stem", edges)], units(20))
    assert not found.passed
    assert "resemble" in found.flag


def test_nothing_but_blank_maps_is_flagged_and_a_vanished_map_is_not() -> None:
    blank, heat = np.zeros((20, 8, 8)), np.random.default_rng(0).random((20, 8, 8))
    assert "blank" in check_sanity("m", blank, [("stem", blank)], units(20)).flag
    assert check_sanity("m", heat, [("stem", blank)], units(20)).passed


def test_a_check_of_nothing_is_refused(refuses) -> None:
    with refuses(ShapeError, "no randomised network"):
        check_sanity("m", np.zeros((1, 2, 2)), [], ["a"])
