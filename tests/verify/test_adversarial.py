"""Curves fall, and the checks fail where an attack is broken."""

from dataclasses import replace

import numpy as np
import pytest
from linear_victim import POINT, PREPROCESS, cases

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.verify.adversarial import (
    AdversarialReport,
    AttackCurve,
    Victim,
    decision_offset,
    given_curve,
    square_curve,
)
from bedside.verify.attack_checks import check_attacks
from bedside.verify.operating_point import OperatingPoint


@pytest.fixture(scope="module")
def victim() -> Victim:
    model, images, labels = cases(60)
    units = tuple(f"patient:{i // 2}" for i in range(60))
    return Victim(name="linear", session=model, point=POINT, preprocess=PREPROCESS, images=images, labels=labels,
                  units=units, positive=1)  # fmt: skip


def worst(victim: Victim, eps: int) -> np.ndarray:
    """The exact worst case within eps: what an ideal white-box attack finds."""
    sign = np.where(victim.labels == 1, 1, -1)[:, None, None, None]
    step = -eps * sign * np.sign(victim.session.weights)  # type: ignore[attr-defined]
    return np.clip(victim.images + step, 0, 255).astype(np.uint8)


def white_box(victim: Victim, effort: int = 40) -> AttackCurve:
    return given_curve(victim, "exact", "white-box", effort, {eps: worst(victim, eps) for eps in (2, 8, 120)})


def test_accuracy_falls_with_the_size(victim: Victim) -> None:
    curve = square_curve(victim, eps_levels=(120, 2, 8, 8), n_queries=60)
    assert [point.eps_levels for point in curve.points] == [0, 2, 8, 120]
    accuracy = [point.accuracy.value for point in curve.points]
    assert accuracy == sorted(accuracy, reverse=True)
    assert accuracy[0] == pytest.approx(57 / 60)
    assert accuracy[-1] < 0.1
    assert curve.points[0].accuracy.n_patients == 30


def test_sound_attacks_pass_every_check(victim: Victim) -> None:
    curves = [white_box(victim), *(square_curve(victim, eps_levels=(2, 8, 120), n_queries=n) for n in (60, 150))]
    checks = check_attacks(curves)
    assert len(checks) == 3 + 2 + 1
    assert all(check.passed for check in checks), checks


def test_an_attack_that_does_nothing_is_caught(victim: Victim) -> None:
    lame = given_curve(victim, "exact", "white-box", 40, dict.fromkeys((2, 8, 120), victim.images))
    square = square_curve(victim, eps_levels=(2, 8, 120), n_queries=80)
    failed = {check.name for check in check_attacks([lame, square]) if not check.passed}
    assert failed == {
        "exact on linear: accuracy falls to nearly nothing at the largest size",
        "square (black-box) is not stronger than white-box attacks on linear",
    }


def test_more_effort_that_weakens_is_caught(victim: Victim) -> None:
    strong, weak = white_box(victim, 10), replace(square_curve(victim, eps_levels=(2, 8, 120), n_queries=1))
    swapped = replace(weak, attack="exact", access="white-box", effort=99)
    assert [c.passed for c in check_attacks([strong, swapped]) if "99 steps" in c.name] == [False]


def test_a_failed_check_below_the_large_size_says_what_to_try(victim: Victim) -> None:
    curve = square_curve(victim, eps_levels=(1,), n_queries=5)
    (check,) = check_attacks([curve])
    assert not check.passed
    assert "128 grey levels" in check.detail


def test_images_outside_their_ball_are_refused(victim: Victim, refuses) -> None:
    with refuses(InputError, "stray"):
        given_curve(victim, "exact", "white-box", 1, {4: worst(victim, 9)})


@pytest.mark.parametrize("sizes", [(), (0,), (256,)])
def test_sizes_are_checked(victim: Victim, refuses, sizes: tuple[int, ...]) -> None:
    with refuses(InputError, "--eps"):
        square_curve(victim, eps_levels=sizes)


@pytest.mark.parametrize("positive", [0, 1])
def test_the_offset_turns_the_call_into_the_largest_logit(positive: int) -> None:
    point = OperatingPoint(temperature=2.0, threshold_prob=0.2, positive=positive, rule="")
    outputs = np.random.default_rng(0).normal(0, 3, (200, 2))
    shifted = outputs + decision_offset(point, 2)
    assert (shifted.argmax(axis=1) == point.calls(point.probabilities(outputs))).all()


def test_a_report_comes_back_from_json(victim: Victim) -> None:
    curves = (white_box(victim),)
    report = AdversarialReport(curves=curves, checks=check_attacks(curves), n_cases=60, n_patients=30, seed=0)
    assert from_json(AdversarialReport, to_json(report)) == report
    assert report.sane
