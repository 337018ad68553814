"""The gate on volumes: fitted on their middle planes, it tells odd volumes from usual ones."""

import numpy as np
import pytest

from bedside.data.phantom_volume import VolumePhantom
from bedside.data.volume_placing import looks, three_views
from bedside.verify.gate import AcceptanceGate, fit_gate
from bedside.verify.volume_outliers import made_volume_outliers, volume_gate_evidence, volume_scores


def volumes(first: int, n: int, n_channels: int = 1) -> np.ndarray:
    made = [[VolumePhantom(seed=7 + k).volume(first + i)[0] for k in range(n_channels)] for i in range(n)]
    return np.array(made)


def fitted(development: np.ndarray, tuning: np.ndarray) -> AcceptanceGate:
    seen = [(planes, [picture[0] for picture in planes]) for planes in (looks(development), looks(tuning))]
    units = [[f"{part}{i}" for i in range(len(cases))] for part, cases in (("d", development), ("t", tuning))]
    return fit_gate(*seen, development_units=units[0], tuning_units=units[1], refer_frac=0.1)


@pytest.fixture(scope="module")
def gate() -> AcceptanceGate:
    return fitted(volumes(0, 90), volumes(100, 40))


def test_looks_are_three_views_of_every_channel() -> None:
    made = volumes(0, 2, n_channels=2)
    found = looks(made)
    assert found.shape == (2, 2, 24, 16 + 16 + 24)
    np.testing.assert_array_equal(found[1, 1], three_views(made[1, 1]))


def test_outliers_are_told_from_usual_volumes(gate: AcceptanceGate) -> None:
    found = volume_gate_evidence(gate, volumes(200, 40), [f"p{i}" for i in range(40)])
    assert found.n_images == 40
    assert found.refer_frac.value < 0.3
    for name in ("negative", "heavy blur", "constant", "noise", "axes in another order"):
        assert found.kinds[name].auroc.value > 0.95, name
        assert found.kinds[name].referred_frac.value > 0.8, name
    assert found.kinds["noise"].auroc.low <= found.kinds["noise"].auroc.value


def test_what_the_middle_planes_do_not_show_is_not_claimed(gate: AcceptanceGate) -> None:
    """A phantom lies almost alike upside down: the table says so."""
    found = volume_gate_evidence(gate, volumes(200, 40), [f"p{i}" for i in range(40)])
    assert found.kinds["feet first"].auroc.value < 0.9


def test_outliers_keep_the_shape_and_the_input(gate: AcceptanceGate) -> None:
    usual = volumes(300, 3, n_channels=2)
    before = usual.copy()
    made = made_volume_outliers(usual, seed=1, slice_axis=2)
    assert {(odd.shape, odd.dtype) for odd in made.values()} == {(usual.shape, np.dtype(np.uint8))}
    np.testing.assert_array_equal(usual, before)
    mixed = made["slices in another order"]
    np.testing.assert_array_equal(np.sort(mixed, axis=4), np.sort(usual, axis=4))
    gone = (made["a third of the slices missing"] == 0).all(axis=(1, 2, 3))
    assert (gone.sum(axis=1) == round(0.3 * 16)).all()


def test_several_modalities_are_looked_at_together() -> None:
    gate = fitted(volumes(0, 40, 2), volumes(100, 25, 2))
    usual = volumes(200, 10, 2)
    spoilt = usual.copy()
    spoilt[:, 1] = 255 - spoilt[:, 1]
    assert volume_scores(gate, spoilt).min() > volume_scores(gate, usual).max()
