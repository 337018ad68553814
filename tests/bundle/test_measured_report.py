"""A report about a task that is no classification: named figures, no ROC curve, nothing about calls of cases."""

from dataclasses import replace

import numpy as np
import pytest
from tests.bundle.synthetic import synthetic_report

from bedside.base.estimate import Estimate
from bedside.base.task import Task
from bedside.bundle.evidence_words import headline, in_sentence
from bedside.bundle.report_data import GalleryItem, ReportData
from bedside.bundle.report_texts import report_texts
from bedside.verify.measured import MeasuredEvidence, MeasuredScore, Metric
from bedside.verify.noninferiority import judge_difference

METRICS = {
    "iou": Metric(title="IoU"),
    "dice": Metric(title="Dice, polyp"),
    "hd95_mm": Metric(title="Hausdorff distance, 95th percentile", lower_is_better=True, unit="mm"),
}


def score(shift: float) -> MeasuredScore:
    def about(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.02, high=value + 0.02, n_patients=40, method="bootstrap by patient")

    return MeasuredScore(values={"iou": about(0.7 + shift), "dice": about(0.8 + shift), "hd95_mm": about(4.0 - shift)})


@pytest.fixture(scope="module")
def data() -> ReportData:
    known = synthetic_report()
    differences = np.random.default_rng(0).normal(-0.001, 0.002, 200)
    evidence = MeasuredEvidence(
        primary="dice", metrics=METRICS, shipped=score(0), reference=score(0.01),
        non_inferiority=judge_difference(-0.001, differences, margin=0.02, n_patients=40, metric="Dice"),
        flips_frac=Estimate(value=0.003, low=0.002, high=0.004, n_patients=40), flips_of="pixels", n_cases=60,
        n_patients=40, reason="a test", seed=0, plain=("It covers 8 of 10 polyp pixels.",),
        conventions=("Two empty masks agree wholly (Dice 1).",),
    )  # fmt: skip
    blank = np.zeros((1, 28, 28), np.uint8)
    item = GalleryItem(
        image=blank, heat=None, truth="polyp", called="polyp", probability=float("nan"), kind="hit",
        overlay=np.full((28, 28, 3), 90, np.uint8), note="Dice 0.91",
    )  # fmt: skip
    return replace(
        known, task=Task(classes=("background", "polyp"), kind="segmentation"), evidence=evidence, gallery=(item,),
        choice=replace(known.choice, why="tuning Dice 0.8"),
        trials=tuple(replace(trial, metric="Dice") for trial in known.trials),
    )  # fmt: skip


@pytest.fixture(scope="module")
def texts(data: ReportData) -> dict[str, str]:
    return report_texts(data, name="made", version="0")


def test_the_figure_of_the_verdict_comes_first(data: ReportData) -> None:
    assert headline(data.evidence) == ("dice", "iou", "hd95_mm")


def test_the_page_speaks_of_its_own_figures_only(texts: dict[str, str]) -> None:
    page = texts["report.html"]
    for words in ("Dice, polyp", "95th percentile, mm", "It covers 8 of 10", "Two empty masks", "Tuning Dice",
                  "Dice 0.91", "0.3 % of pixels"):  # fmt: skip
        assert words in page, words
    assert "AUROC" not in page
    assert "Confusion" not in page


def test_card_and_pack_name_the_main_measure(texts: dict[str, str]) -> None:
    assert "| Dice, polyp | 0.810" in texts["model_card.md"]
    assert "Outline: polyp" in texts["model_card.md"]
    assert "Dice, polyp is not lower" in texts["pack/tripod_ai.md"]


@pytest.mark.parametrize(
    ("title", "words"),
    [("AUROC", "AUROC"), ("Sensitivity", "sensitivity"), ("Dice, a", "Dice, a"), ("AP50 of b", "AP50 of b")],
)
def test_abbreviations_keep_their_capitals(title: str, words: str) -> None:
    assert in_sentence(title) == words
