"""Figures by group: small and empty groups, bands, the worst, the gap."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError, ShapeError
from bedside.verify.intervals import wilson
from bedside.verify.subgroups import UNKNOWN, SubgroupReport, banded, by_subgroup


def scored(values: list[str | None], column: str = "sex") -> SubgroupReport:
    """The model is right for every "f" and calls every "m" ill."""
    ill = np.arange(len(values)) % 2 == 0
    called = np.where(np.array(values) == "m", True, ill)
    probability = np.where(called, 0.9, 0.1) - np.linspace(0, 0.05, len(values))
    return by_subgroup(column, values, ill, probability, called)


def test_the_worst_group_and_the_gap_are_found() -> None:
    report = scored(["f"] * 60 + ["m"] * 40)
    women, men = report.groups
    assert (women.name, women.n_cases, women.n_positive, men.n_patients) == ("f", 60, 30, 40)
    assert men.metrics["specificity"] == wilson(0, 20)
    assert report.worst["specificity"] == "m"
    assert report.worst_metrics["specificity"].value == 0
    gap = report.largest_gap["specificity"]
    assert gap.value == 1
    assert 0.7 < gap.low < gap.high == 1
    assert men.gaps["specificity"].value == -1
    assert women.gaps["specificity"].value == 1


def test_small_and_unknown_groups_are_listed_without_a_made_up_figure() -> None:
    report = scored(["f"] * 30 + ["m"] * 30 + ["x"] * 4 + [None] * 20 + [" "] * 2)
    by_name = {group.name: group for group in report.groups}
    assert list(by_name) == ["f", "m", "x", UNKNOWN]
    assert math.isnan(by_name["x"].metrics["auroc"].value)
    assert "fewer than 10" in by_name["x"].note
    assert (by_name["x"].n_cases, by_name[UNKNOWN].n_cases) == (4, 22)
    assert not math.isnan(by_name[UNKNOWN].metrics["accuracy"].value)
    assert set(report.worst.values()) <= {"f", "m"}


def test_no_group_large_enough_names_no_worst() -> None:
    report = scored(["f"] * 5 + ["m"] * 5)
    assert (report.worst, report.largest_gap) == ({}, {})


def test_a_group_of_one_class_keeps_what_can_be_said() -> None:
    values = ["a"] * 20 + ["b"] * 20
    ill = np.arange(40) < 25
    report = by_subgroup("site", values, ill, np.linspace(0.9, 0.1, 40), np.arange(40) < 25)
    all_ill = report.groups[0]
    assert math.isnan(all_ill.metrics["auroc"].value)
    assert all_ill.metrics["sensitivity"].value == 1
    assert report.worst["auroc"] == "b"


def test_many_numbers_become_bands() -> None:
    ages = [str(a) for a in range(90)]
    assert [banded("age", ages)[i] for i in (0, 17, 18, 39, 40, 64, 65, 89)] == [
        "0-17", "0-17", "18-39", "18-39", "40-64", "40-64", "65+", "65+"]  # fmt: skip
    assert banded("patient_age", [f"{a:03d}Y" for a in range(20)])[19] == "18-39", "as DICOM writes ages"
    quarters = banded("dose", [str(i / 10) for i in range(40)] + [None])
    assert len(set(quarters)) == 5
    assert quarters[-1] == UNKNOWN
    assert banded("view", ["1", "2", "1"]) == ["1", "2", "1"], "a few numbers are names"
    assert banded("page", [str(i) for i in range(30)])[0].startswith("below"), "an age is a word of its own"


def test_groups_come_in_a_readable_order() -> None:
    ill, probability = np.arange(100) % 2 == 0, np.linspace(0.1, 0.9, 100)
    report = by_subgroup("age", [str(i) for i in range(99)] + [""], ill, probability, ill)
    assert [group.name for group in report.groups] == ["0-17", "18-39", "40-64", "65+", UNKNOWN]


def test_patients_are_counted_not_images() -> None:
    ill = np.arange(60) % 2 == 0
    report = by_subgroup("sex", ["f"] * 60, ill, np.full(60, 0.5), ill, units=[f"p{i // 10}" for i in range(60)])
    assert report.groups[0].n_patients == 6
    assert report.groups[0].note


def test_a_column_that_nobody_has_and_lists_that_do_not_match_are_refused(refuses) -> None:
    with refuses(InputError, "no case has"):
        scored([None] * 20)
    ill = np.arange(20) % 2 == 0
    with refuses(ShapeError):
        by_subgroup("sex", ["f"] * 19, ill, np.full(20, 0.5), ill)


@pytest.mark.parametrize("bad", [math.nan, 2.0])
def test_bad_scores_are_refused(refuses, bad: float) -> None:
    ill = np.arange(20) % 2 == 0
    with refuses(InputError):
        by_subgroup("sex", ["f"] * 20, ill, np.full(20, bad), ill)
