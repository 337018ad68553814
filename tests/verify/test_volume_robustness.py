"""Spoilt volumes: a model that sees brightness alone loses where brightness is spoilt, by what can be counted."""

from collections.abc import Mapping

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.data.corrupting_volumes import corrupt_volumes, suite_and_spoiler, volume_suite
from bedside.data.corruptions import Suite
from bedside.data.phantom_volume import VolumePhantom
from bedside.data.preprocess import Preprocess
from bedside.verify.judge import Truth
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.robustness import corruption_robustness
from bedside.verify.volume_robustness import VolumeRobustness, volume_robustness

N = 8
TASK = Task(classes=("background", "organ"), kind="segmentation")
PREPROCESS = Preprocess(n_channels=1, depth_px=16, height_px=24, width_px=16, spacing_mm=(5.0, 1.0, 1.0))
POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")


class Bright:
    """Calls every voxel brighter than a level the organ; with a step, its levels are coarse, as those of int8 are."""

    def __init__(self, level: float = 105.5, step: float = 1.0) -> None:
        self.level, self.step = level, step

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        grey = np.round((inputs["image"] * 128 + 127) / self.step) * self.step
        organ = (grey - self.level) / 4
        return {"logits": np.concatenate([-organ, organ], axis=1).astype(np.float32)}


@pytest.fixture(scope="module")
def cases() -> tuple[Truth, np.ndarray]:
    made = [VolumePhantom(noise_frac=0.02).volume(i) for i in range(N)]
    targets = np.stack([(labels > 0).astype(np.uint8) for _, labels in made])
    units = tuple(f"p{i // 2}" for i in range(N))
    return Truth(task=TASK, targets=targets, units=units), np.stack([voxels for voxels, _ in made])[:, None]


def dice_by_hand(volumes: np.ndarray, targets: np.ndarray) -> float:
    called = volumes[:, 0] > 105
    shared = (called & (targets == 1)).sum(axis=(1, 2, 3))
    return float(np.mean(2 * shared / (called.sum(axis=(1, 2, 3)) + targets.sum(axis=(1, 2, 3)))))


def test_losses_are_those_counted_by_hand(cases: tuple[Truth, np.ndarray]) -> None:
    truth, volumes = cases
    found = volume_robustness(
        truth, volumes, PREPROCESS, volume_suite("MRI"), shipped=(Bright(), POINT), fp32=(Bright(), POINT),
        severities=(1, 5), seed=4,
    )  # fmt: skip
    clean = dice_by_hand(volumes, truth.targets)
    assert found.clean_shipped.value == pytest.approx(clean)
    assert (found.n_cases, found.n_patients) == (N, N // 2)
    assert len(found.results) == 2 * len(found.suite.names)
    for row in found.results:
        spoilt = dice_by_hand(corrupt_volumes(volumes, row.corruption, row.severity, seed=4), truth.targets)
        assert row.shipped_dice.value == pytest.approx(spoilt)
        assert row.shipped_loss.value == pytest.approx(clean - spoilt)
        assert row.shipped_loss.low <= row.shipped_loss.value <= row.shipped_loss.high
        assert row.excess_loss.value == 0, "the same model twice loses alike"
    losses = [row.shipped_loss.value for row in found.results]
    assert found.mean_shipped_loss.value == pytest.approx(np.mean(losses))
    assert found.worst.shipped_loss.value == max(losses) > 0.05
    assert from_json(VolumeRobustness, to_json(found)) == found


def test_what_compression_loses_beyond_is_told_apart(cases: tuple[Truth, np.ndarray]) -> None:
    truth, volumes = cases
    suite = Suite(modality="MRI", family="mri", names=("bias field",))
    found = volume_robustness(
        truth, volumes, PREPROCESS, suite, shipped=(Bright(step=50.0), POINT), fp32=(Bright(), POINT), severities=(3,)
    )
    (row,) = found.results
    own = found.clean_shipped.value - row.shipped_dice.value
    other = found.clean_fp32.value - row.fp32_dice.value
    assert row.excess_loss.value == pytest.approx(own - other)
    assert found.of_corruption == {"bias field": row.excess_loss}
    assert row.excess_loss.value != 0


def test_classes_of_volumes_are_judged_on_spoilt_volumes_too(cases: tuple[Truth, np.ndarray]) -> None:
    class Mean:
        """The class is told by the mean brightness."""

        def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            bright = inputs["image"].mean(axis=(1, 2, 3, 4)) * 40
            return {"logits": np.stack([-bright, bright], axis=1).astype(np.float32)}

    volumes = np.concatenate([cases[1], cases[1] // 2])
    labels, task = np.repeat([1, 0], N), Task(classes=("dark", "bright"))
    suite, spoil = suite_and_spoiler("MRI", PREPROCESS)
    found = corruption_robustness(
        task, volumes, labels, [f"p{i}" for i in range(2 * N)], PREPROCESS, suite, shipped=(Mean(), POINT),
        reference=(Mean(), POINT), severities=(1, 5), spoil=spoil,
    )  # fmt: skip
    assert {row.corruption for row in found.results} == set(suite.names) == set(found.of_corruption)
    assert found.clean_shipped.auroc.value == 1
    spoilt = corrupt_volumes(volumes, "missing slices", 5, seed=0)
    grey = spoilt.mean(axis=(1, 2, 3, 4))
    by_hand = (grey[labels == 1][:, None] > grey[labels == 0]).mean()
    row = next(r for r in found.results if (r.corruption, r.severity) == ("missing slices", 5))
    assert row.shipped.auroc.value == pytest.approx(by_hand)


def test_slices_are_spoilt_along_the_coarsest_axis(cases: tuple[Truth, np.ndarray]) -> None:
    from dataclasses import replace

    truth, volumes = cases
    suite = Suite(modality="MRI", family="mri", names=("missing slices",))
    sagittal = replace(PREPROCESS, spacing_mm=(1.0, 1.0, 5.0))
    for preprocess, axis in ((PREPROCESS, 0), (sagittal, 2)):
        found = volume_robustness(
            truth, volumes, preprocess, suite, shipped=(Bright(), POINT), fp32=(Bright(), POINT), severities=(5,)
        )
        spoilt = corrupt_volumes(volumes, "missing slices", 5, seed=0, slice_axis=axis)
        assert found.results[0].shipped_dice.value == pytest.approx(dice_by_hand(spoilt, truth.targets))


@pytest.mark.parametrize(("names", "severities"), [((), (1,)), (("noise",), ()), (("noise",), (0,))])
def test_nothing_to_try_is_refused(
    cases: tuple[Truth, np.ndarray], names: tuple[str, ...], severities: tuple[int, ...]
) -> None:
    suite = Suite(modality="MRI", family="mri", names=names)
    with pytest.raises(InputError):
        volume_robustness(
            *cases, PREPROCESS, suite, shipped=(Bright(), POINT), fp32=(Bright(), POINT), severities=severities
        )
