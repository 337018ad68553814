"""Class activation maps from features that are known, and what cannot show any."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.runtime.features import LastFeatures
from bedside.runtime.litert_features import last_features_of
from bedside.runtime.session import open_session
from bedside.runtime.toys import toy_artifact
from bedside.verify.cam import class_activation_map, enlarged
from bedside.verify.operating_point import OperatingPoint

POINT = OperatingPoint(temperature=1.0, threshold_prob=0.5, positive=1, rule="by the test")
IMAGE = np.random.default_rng(0).normal(size=(1, 16, 16)).astype(np.float32)


@dataclass
class Known:
    """Channel 0 is hot at the upper left, channel 1 at the lower right; class k goes by channel k."""

    shift: float = 0.0

    def run(self, inputs) -> dict[str, Any]:
        return {"logits": np.zeros((len(inputs["image"]), 2))}

    def last_features(self, image):
        features = np.zeros((2, 4, 4), np.float32)
        features[0, 0, 0] = features[1, 3, 3] = 1
        return LastFeatures(features=features, weights=np.eye(2, dtype=np.float32) + self.shift, bias=np.zeros(2))


def test_each_class_is_hot_where_its_channel_is() -> None:
    for k, corner in enumerate(((0, 0), (15, 15))):
        heat = class_activation_map(Known(), IMAGE, POINT, k)
        assert heat.shape == (16, 16)
        assert np.unravel_index(heat.argmax(), heat.shape) == corner or heat[corner] == heat.max() == 1
        assert heat.min() == 0


def test_what_every_class_gains_changes_nothing() -> None:
    """Softmax is blind to it, and so must the map be."""
    for k in (0, 1):
        plain, shifted = (class_activation_map(Known(shift), IMAGE, POINT, k) for shift in (0.0, 5.0))
        np.testing.assert_allclose(plain, shifted, atol=1e-6)


def test_the_bars_of_a_letterbox_stay_cold() -> None:
    barred = IMAGE.copy()
    barred[:, :4] = barred[:, -4:] = 0
    heat = class_activation_map(Known(), barred, POINT, 0)
    assert not heat[:4].any()
    assert not heat[-4:].any()
    assert heat.max() == 1


@pytest.mark.parametrize("size", [(7, 7), (8, 12), (33, 20)])
def test_the_enlargement_is_pillows(size: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image")
    coarse = np.random.default_rng(1).random((4, 5)).astype(np.float32)
    theirs = image.fromarray(coarse).resize(size[::-1], image.Resampling.BILINEAR)
    np.testing.assert_allclose(enlarged(coarse, *size), np.asarray(theirs), atol=1e-5)


def test_a_session_without_features_is_refused(refuses) -> None:
    class Dumb:
        def run(self, inputs) -> dict[str, Any]:
            return {"logits": np.zeros((1, 2))}

    with refuses(InputError, "shows no features"):
        class_activation_map(Dumb(), IMAGE, POINT, 0)


def test_the_features_of_a_file_give_its_logits() -> None:
    pytest.importorskip("ai_edge_litert")
    artifact, folder, image, wanted = toy_artifact("litert")
    shown = open_session(artifact, folder).last_features(image)  # type: ignore[attr-defined]
    np.testing.assert_allclose(shown.features.mean(axis=(1, 2)) @ shown.weights.T + shown.bias, wanted, atol=1e-5)


class Interpreter:
    """An interpreter's graph by hand: int8 features, per-channel weights, a reshape between average and layer."""

    def __init__(self, last: str = "FULLY_CONNECTED") -> None:
        rng = np.random.default_rng(2)
        self.tensors = {
            0: rng.integers(-128, 127, (1, 3, 4, 5)).astype(np.int8), 1: np.zeros((1, 5), np.int8),
            2: rng.integers(-128, 127, (2, 5)).astype(np.int8), 3: np.array([10, -20], np.int32),
            4: np.zeros((1, 2), np.int8), 5: np.zeros((1, 2), np.float32), 6: np.zeros((1, 1, 1, 5), np.int8),
        }  # fmt: skip
        self.scales = {0: ([0.5], [-3], 0), 2: ([0.1, 0.2], [0, 0], 0), 3: ([0.05, 0.1], [0, 0], 0)}
        self.last = last

    def get_tensor_details(self):
        return [
            {"index": i, "shape": np.array(t.shape), "quantization_parameters": {
                "scales": np.array(self.scales.get(i, ([], [], 0))[0]),
                "zero_points": np.array(self.scales.get(i, ([], [], 0))[1]),
                "quantized_dimension": self.scales.get(i, ([], [], 0))[2]}}
            for i, t in self.tensors.items()
        ]  # fmt: skip

    def get_output_details(self):
        return [{"index": 5}]

    def get_tensor(self, tensor_index: int):
        return self.tensors[tensor_index]

    def _get_ops_details(self):
        return [
            {"op_name": "MEAN", "inputs": [0], "outputs": [6]}, {"op_name": "RESHAPE", "inputs": [6], "outputs": [1]},
            {"op_name": self.last, "inputs": [1, 2, 3], "outputs": [4]},
            {"op_name": "DEQUANTIZE", "inputs": [4], "outputs": [5]},
        ]  # fmt: skip


def test_integers_become_real_numbers_channel_by_channel() -> None:
    held = Interpreter()
    found = last_features_of(held)
    np.testing.assert_allclose(found.features, 0.5 * (held.tensors[0][0].astype(float) + 3).transpose(2, 0, 1))
    np.testing.assert_allclose(found.weights, held.tensors[2] * np.array([[0.1], [0.2]]), rtol=1e-6)
    np.testing.assert_allclose(found.bias, [0.5, -2.0], rtol=1e-6)


def test_another_last_layer_is_named(refuses) -> None:
    with refuses(InputError, "CONV_2D"):
        last_features_of(Interpreter("CONV_2D"))
