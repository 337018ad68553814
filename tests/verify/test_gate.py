"""The gate lets suitable images through and refers odd ones, on real images."""

import csv
from pathlib import Path

import numpy as np
import pytest

from bedside.base.errors import CohortError, InputError
from bedside.base.jsonform import from_json, to_json
from bedside.data.phantom import Phantom
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_image
from bedside.verify.appearance import GROUPS, appearance
from bedside.verify.gate import AcceptanceGate, fit_gate
from bedside.verify.outliers import gate_evidence
from bedside.verify.shrunk_gaussian import shrunk_covariance

PREPROCESS = Preprocess(n_channels=1, height_px=28, width_px=28)


def placed(pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([PREPROCESS.geometry(picture) for picture in pictures])


def fitted(development: list[np.ndarray], tuning: list[np.ndarray], **options) -> AcceptanceGate:
    return fit_gate(
        (placed(development), development),
        (placed(tuning), tuning),
        development_units=[f"d{i}" for i in range(len(development))],
        tuning_units=[f"t{i}" for i in range(len(tuning))],
        **options,
    )


@pytest.fixture(scope="module")
def phantoms() -> list[np.ndarray]:
    return [Phantom(size_px=28).image(i, has_lesion=bool(i % 2)) for i in range(400)]


@pytest.fixture(scope="module")
def gate(phantoms: list[np.ndarray]) -> AcceptanceGate:
    return fitted(phantoms[:200], phantoms[200:300])


@pytest.fixture(scope="module")
def chest(shared_data: Path) -> dict[str, list[np.ndarray]]:
    with np.load(shared_data / "medmnist_28" / "pneumoniamnist.npz") as held:
        return {part: list(held[f"{part}_images"]) for part in ("train", "val", "test")}


def outside(shared_data: Path, folder: str, n: int) -> list[np.ndarray]:
    with (shared_data / folder / "metadata.csv").open(newline="") as stream:
        files = [row["file"] for row in csv.DictReader(stream)]
    return [read_image(shared_data / folder / name) for name in files[:: len(files) // n][:n]]


def test_real_outliers_are_told_from_chest_x_rays(chest, shared_data: Path) -> None:
    gate = fitted(chest["train"][::5], chest["val"])
    with np.load(shared_data / "medical_mnist6_64" / "medical_mnist6_64.npz") as held:
        hands = list(held["images"][held["labels"] == list(held["class_names"]).index("Hand")][:60])
    skin = outside(shared_data, "derm_ham10000", 30)
    others = {
        "hand": hands,
        "skin": skin,
        "grey skin": [picture.mean(axis=2).round().astype(np.uint8) for picture in skin],
        "scope": outside(shared_data, "endo_polyp_kvasir", 30),
        "ultrasound": outside(shared_data, "us_breast_busi", 30),
    }
    tested = chest["test"][::2]
    found = gate_evidence(gate, tested, [f"{i}" for i in range(len(tested))], PREPROCESS, others=others)
    assert found.refer_frac.value < 0.05
    assert set(found.kinds) > set(others)
    for name, kind in found.kinds.items():
        assert kind.auroc.low > 0.97, name
        assert kind.referred_frac.value > 0.85, name
    assert found.kinds["skin"].referred_frac.value == 1


def test_about_the_asked_share_of_suitable_images_is_referred(chest) -> None:
    for asked in (0.02, 0.1):
        gate = fitted(chest["train"][::4], chest["val"], refer_frac=asked)
        scores, _ = gate.scores(placed(chest["test"]), chest["test"])
        assert abs(np.mean(scores > gate.limit) - asked) < 0.025
        assert gate.tuning_refer_frac.low < asked < gate.tuning_refer_frac.high


def test_it_says_why(gate: AcceptanceGate, phantoms: list[np.ndarray]) -> None:
    usual = phantoms[300]
    coloured = np.stack([usual, usual // 2, usual // 3], axis=-1)
    dark = np.zeros_like(usual)
    pictures = [usual, coloured, usual[::-1], dark]
    reasons = gate.reasons(placed(pictures), pictures)
    assert reasons[0] == ""
    assert "colour" in reasons[1]
    assert all("unlike those the model was made for" in reason for reason in reasons[1:])


def test_an_image_is_judged_alike_alone_and_in_a_block(gate: AcceptanceGate, phantoms: list[np.ndarray]) -> None:
    block, _ = gate.scores(placed(phantoms[300:340]), phantoms[300:340])
    alone = [gate.scores(placed([p]), [p])[0][0] for p in phantoms[300:340]]
    np.testing.assert_allclose(block, alone, atol=1e-5)


def test_it_comes_back_from_json_and_judges_alike(gate: AcceptanceGate, phantoms: list[np.ndarray]) -> None:
    raw = to_json(gate)
    again = from_json(AcceptanceGate, raw)
    assert again == gate
    assert len(raw) < 60_000
    first, second = (g.scores(placed(phantoms[300:]), phantoms[300:])[0] for g in (gate, again))
    assert (first == second).all()


def test_the_covariance_is_that_of_ledoit_and_wolf() -> None:
    sklearn = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(0)
    for n in (30, 300):
        rows = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12))
        rows -= rows.mean(axis=0)
        expected = sklearn.LedoitWolf(assume_centered=True).fit(rows).covariance_
        np.testing.assert_allclose(shrunk_covariance(rows), expected + 0.05 * np.eye(12), atol=1e-9)


def test_odd_shapes_have_features() -> None:
    rng = np.random.default_rng(0)
    for n_channels, height, width in ((1, 3, 3), (3, 5, 40), (1, 64, 48)):
        images = rng.integers(0, 256, (2, n_channels, height, width)).astype(np.uint8)
        raw = [image[0] if n_channels == 1 else image.transpose(1, 2, 0) for image in images]
        found = appearance(images, raw)
        assert tuple(found) == GROUPS
        assert all(np.isfinite(rows).all() and len(rows) == 2 for rows in found.values())


@pytest.mark.parametrize(("n_development", "n_tuning"), [(19, 40), (40, 19)])
def test_too_few_images_are_refused(refuses, phantoms, n_development: int, n_tuning: int) -> None:
    with refuses(CohortError, "19 images"):
        fitted(phantoms[:n_development], phantoms[200 : 200 + n_tuning])


@pytest.mark.parametrize("share", [0, 0.5, -1])
def test_a_senseless_share_is_refused(phantoms, share: float) -> None:
    with pytest.raises(InputError):
        fitted(phantoms[:30], phantoms[30:60], refer_frac=share)
