"""Attacks on both sides of the wall, on a toy file and a network beside it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="white-box attacks need the workshop extra")
pytest.importorskip("art", reason="white-box attacks need the extra attack")
pytest.importorskip("ai_edge_litert", reason="the toy file is LiteRT's")

from bedside.attack_stops import TRANSFERRED, attacked
from bedside.base.task import Task
from bedside.bundle.sealing import ModelFile
from bedside.data.preprocess import Preprocess
from bedside.runtime.toys import toy_artifact
from bedside.train.attacking import AttackPlan
from bedside.verify.operating_point import OperatingPoint

pytestmark = pytest.mark.workshop


def test_every_curve_is_there_and_speaks_of_its_model() -> None:
    artifact, folder, *_ = toy_artifact("litert")
    spec, point = artifact.spec, OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(spec.shape)), 2)).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, *spec.shape)).astype(np.uint8)
    labels = rng.integers(2, size=20)
    report = attacked(
        network, point, ModelFile(artifact=artifact, folder=folder, point=point), Task(classes=("well", "ill")),
        Preprocess(n_channels=spec.n_channels, height_px=spec.height_px, width_px=spec.width_px), images, labels,
        tuple(str(i) for i in range(20)), eps_levels=(4, 100), n_queries=20,
        plans=(AttackPlan(attack="pgd", n_steps=5), TRANSFERRED),
    )  # fmt: skip
    assert [(c.attack, c.access, c.victim) for c in report.curves] == [
        ("pgd", "white-box", "float network"), ("pgd", "white-box", "float network"),
        ("pgd", "transfer", artifact.name), ("square", "black-box", "float network"),
        ("square", "black-box", artifact.name),
    ]  # fmt: skip
    for curve in report.curves:
        accuracy = [point.accuracy.value for point in curve.points]
        assert accuracy == sorted(accuracy, reverse=True)
    assert report.curves[1].points[-1].accuracy.value == 0
    assert {check.passed for check in report.checks if "40 steps" in check.name} == {True}
    assert report.n_cases == 20
