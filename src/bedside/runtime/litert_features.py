"""Find the end of a LiteRT graph: feature map, global average, one linear layer."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.runtime.features import LastFeatures

_PASSED_THROUGH = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "SOFTMAX")
_AVERAGES = ("MEAN", "AVERAGE_POOL_2D")


class _Interpreter(Protocol):
    """The part of an interpreter that is needed to read a graph and its tensors."""

    def get_tensor_details(self) -> list[dict[str, Any]]: ...
    def get_output_details(self) -> list[dict[str, Any]]: ...
    def get_tensor(self, tensor_index: int) -> np.ndarray: ...
    def _get_ops_details(self) -> list[dict[str, Any]]: ...


def last_features_of(interpreter: _Interpreter) -> LastFeatures:
    """Read the last features of an interpreter that keeps every tensor and has been run on one image.

    Raises
    ------
    InputError
        If the graph ends in anything else than a global average and one linear layer.
    """
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    made_by = {int(out): op for op in interpreter._get_ops_details() for out in op["outputs"]}
    output = int(interpreter.get_output_details()[0]["index"])
    linear = _before(output, made_by)
    if linear is None or linear["op_name"] != "FULLY_CONNECTED":
        raise _refusal(linear)
    entry, weight, *bias = (int(i) for i in linear["inputs"])
    average = _before(entry, made_by)
    shape = () if average is None else tuple(details[int(average["inputs"][0])]["shape"])
    if average is None or average["op_name"] not in _AVERAGES or len(shape) != 4 or shape[1] * shape[2] < 2:
        raise _refusal(average)
    if int(np.prod(details[int(average["outputs"][0])]["shape"])) != shape[3]:
        raise _refusal(average)
    weights = _real(interpreter, details[weight])
    return LastFeatures(
        features=_real(interpreter, details[int(average["inputs"][0])])[0].transpose(2, 0, 1),
        weights=weights,
        bias=_real(interpreter, details[bias[0]]) if bias and bias[0] >= 0 else np.zeros(len(weights), np.float32),
    )


def _before(tensor: int, made_by: dict[int, dict[str, Any]]) -> dict[str, Any] | None:
    """The operation that computes a tensor, those that only change its form passed through."""
    op = made_by.get(tensor)
    while op is not None and op["op_name"] in _PASSED_THROUGH:
        op = made_by.get(int(op["inputs"][0]))
    return op


def _real(interpreter: _Interpreter, detail: dict[str, Any]) -> FloatArray:
    """The tensor in real numbers: ``scale * (q - zero_point)``, by channel where the file says so."""
    values, quantized = interpreter.get_tensor(detail["index"]), detail["quantization_parameters"]
    scales, zeros = quantized["scales"], quantized["zero_points"]
    if not len(scales):
        return values.astype(np.float32)
    shape = _along(values.ndim, int(quantized["quantized_dimension"])) if len(scales) > 1 else (1,) * values.ndim
    return ((values.astype(np.float64) - zeros.reshape(shape)) * scales.reshape(shape)).astype(np.float32)


def _along(n_axes: int, axis: int) -> Sequence[int]:
    return tuple(-1 if i == axis else 1 for i in range(n_axes))


def _refusal(found: dict[str, Any] | None) -> InputError:
    return InputError(
        f"the model file ends in {found['op_name'] if found else 'nothing known'} where a class activation map needs "
        "a global average and one linear layer",
        expected="a network with such a head",
        hint="use occlusion or rise, which ask nothing of the network",
    )
