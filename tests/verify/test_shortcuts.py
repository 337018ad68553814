"""A planted shortcut is flagged where it lies, and nowhere else."""

import numpy as np
import pytest

from bedside.base.errors import CohortError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import labels_of
from bedside.data.units import units_of
from bedside.verify.shortcuts import ShortcutReport, _logistic, probe_shortcuts, regions

TASK = Task(classes=("well", "ill"))


def noise(n: int, side: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 200, (n, 1, side, side)).astype(np.uint8),
        rng.integers(2, size=n),
        [str(i) for i in range(n)],
    )


def test_noise_holds_no_shortcut() -> None:
    report = probe_shortcuts(TASK, *noise(400))
    assert report.flagged == ()
    assert all(probe.auroc.low < 0.55 for probe in report.probes)
    assert from_json(ShortcutReport, to_json(report)) == report


def test_a_marker_in_the_corner_is_found_in_the_corner() -> None:
    images, labels, units = noise(400)
    images[labels == 1, :, 3:6, 3:6] = 255
    report = probe_shortcuts(TASK, images, labels, units)
    assert {probe.region for probe in report.flagged} == {"corners", "surroundings"}
    assert next(p for p in report.probes if p.region == "corners").auroc.value > 0.95


def test_what_lies_in_the_middle_is_no_shortcut() -> None:
    images, labels, units = noise(400, seed=1)
    images[labels == 1, :, 15:25, 15:25] = 255
    assert probe_shortcuts(TASK, images, labels, units).flagged == ()


def test_a_patient_is_never_on_both_sides_of_a_fold() -> None:
    """Each patient has a picture and a label of chance: only a leak between folds could predict it."""
    images, labels, _ = noise(60, seed=2)
    images, labels = images.repeat(6, axis=0), labels.repeat(6)
    together = probe_shortcuts(TASK, images, labels, [f"p{i // 6}" for i in range(360)])
    leaking = probe_shortcuts(TASK, images, labels, [f"p{i}" for i in range(360)])
    assert not together.flagged
    assert len(leaking.flagged) == 3
    assert together.n_patients == 60


def test_more_classes_are_averaged() -> None:
    images, _, units = noise(300, seed=3)
    labels = np.arange(300) % 3
    images[labels == 2, :, :2] = 255
    report = probe_shortcuts(Task(classes=("a", "b", "c")), images, labels, units)
    assert [probe.region for probe in report.flagged] == ["border", "corners", "surroundings"]


def test_the_regression_is_that_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    known, new = rng.normal(size=(200, 5)), rng.normal(size=(50, 5))
    positive = known[:, 0] + rng.normal(size=200) > 0
    expected = linear.LogisticRegression(C=1 / 30, tol=1e-10, max_iter=1000).fit(known, positive).predict_proba(new)
    np.testing.assert_allclose(_logistic(known, positive, new), expected[:, 1], atol=1e-5)


def test_the_regions_are_what_they_say() -> None:
    masks = regions(100, 50)
    assert masks["border"][:6].all()
    assert not masks["border"][6:94, 3:47].any()
    assert masks["corners"].sum() == 4 * 18 * 9
    assert not masks["surroundings"][15:85, 8:42].any()


def test_too_few_patients_are_refused(refuses) -> None:
    with refuses(CohortError, "9 patients"):
        probe_shortcuts(TASK, *noise(9))


def test_the_known_shortcut_of_real_chest_x_rays_is_flagged(medmnist_here) -> None:
    """Position, crop and exposure differ between sick and well children in this set: the rim alone tells."""
    cohort = load_cohort("medmnist:pneumoniamnist")
    cases = [case for case in cohort.cases if case.part == "development"][::4]
    images = stack_images(cases, suit_preprocess(cohort, image_px=28))
    report = probe_shortcuts(cohort.task, images, labels_of(cases), units_of(cases))
    assert {probe.region for probe in report.flagged} == {"border", "corners", "surroundings"}
