"""The quantization plan on an ONNX file: ONNX Runtime's static quantizer, told each tensor's width and range."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.compress.quantization import LayerBits, QuantizationPlan
from bedside.export.observing import observed_ranges
from bedside.export.onnx_nodes import bits_by_node, layers_by_output

Feed = dict[str, FloatArray]
Overrides = dict[str, list[dict[str, Any]]]


def quantize(source: Path, target: Path, plan: QuantizationPlan, bits_of: Mapping[str, LayerBits],
             feeds: Sequence[Feed]) -> None:  # fmt: skip
    """Insert the plan's quantize and dequantize nodes.

    Parameters
    ----------
    source
        The exporter's file, with its metadata.
    bits_of
        Bit widths of every path of the network.
    feeds
        Observation inputs by name.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    inferred = source.with_name("inferred.onnx")
    quant_pre_process(str(source), str(inferred))
    excluded, overrides = [], {}
    if plan.ranges != "min_max" or plan.rules or plan.weight_bits == 4:
        graph = onnx.load(str(inferred))
        _name_nodes(graph)
        onnx.save(graph, str(inferred))
        given = bits_by_node(graph.graph, layers_by_output(onnx.load(str(source))), bits_of, plan.bits_of(""))
        excluded = [name for name, bits in given.items() if bits.is_float]
        overrides = _tensor_widths(graph, given, plan) | _weight_widths(graph, given)
        if plan.ranges != "min_max" and plan.activation_bits == 8:
            _set_ranges(overrides, graph, plan, feeds)
    wide = plan.activation_bits == 16
    quantize_static(
        str(inferred),
        str(target),
        _Reader(iter(feeds)),  # type: ignore[arg-type]
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt16 if wide else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=excluded,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"WeightSymmetric": True}
        | ({"ActivationSymmetric": True} if wide else {})
        | ({"TensorQuantOverrides": overrides} if overrides else {}),
    )
    inferred.unlink()


def _name_nodes(model: Any) -> None:
    taken = {node.name for node in model.graph.node}
    for i, node in enumerate(model.graph.node):
        if not node.name:
            name = f"unnamed_{i}"
            node.name = name if name not in taken else f"{name}_{len(taken)}"


def _tensor_widths(model: Any, given: Mapping[str, LayerBits], plan: QuantizationPlan) -> Overrides:
    """16 bits for what a 16-bit node writes; an 8-bit node that reads it is handed 8 bits."""
    from onnxruntime.quantization import QuantType

    if plan.activation_bits == 16:
        return {}
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    made = [
        (name, node.name) for node in model.graph.node if given[node.name].activations == 16 for name in node.output
    ]
    found: Overrides = {}
    for name, _ in made:
        entry: dict[str, Any] = {"quant_type": QuantType.QInt16, "symmetric": True}
        narrow = {node.name for node in readers.get(name, []) if given[node.name].activations == 8}
        if narrow:
            entry["convert"] = {"quant_type": QuantType.QUInt8, "symmetric": False, "recv_nodes": narrow}
        found[name] = [entry]
    inputs = {value.name for value in model.graph.input}
    for name in inputs:
        if {given[node.name].activations for node in readers.get(name, [])} == {16}:
            found[name] = [{"quant_type": QuantType.QInt16, "symmetric": True}]
    return found


def _weight_widths(model: Any, given: Mapping[str, LayerBits]) -> Overrides:
    """4 bits for full convolutions and linear layers; depthwise ones, which hold few weights, keep 8."""
    from onnxruntime.quantization import QuantType

    shapes = {weight.name: list(weight.dims) for weight in model.graph.initializer}
    found: Overrides = {}
    for node in model.graph.node:
        if given[node.name].weights == 4 and (axis := _output_axis(node, shapes)) is not None:
            found[node.input[1]] = [{"quant_type": QuantType.QInt4, "symmetric": True, "axis": axis}]
    return found


def _output_axis(node: Any, shapes: Mapping[str, list[int]]) -> int | None:
    """Axis of a weight that counts output channels, or None where the node has none that is rounded to 4 bits."""
    if len(node.input) < 2 or node.input[1] not in shapes:
        return None
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return 0 if settings.get("group", 1) == 1 else None
    if node.op_type == "Gemm":
        return 0 if settings.get("transB", 0) else 1
    return len(shapes[node.input[1]]) - 1 if node.op_type == "MatMul" else None


def _set_ranges(overrides: Overrides, model: Any, plan: QuantizationPlan, feeds: Sequence[Feed]) -> None:
    """Add the plan's range to every 8-bit activation; a 16-bit range has nothing to gain by clipping."""
    outputs = [value.name for value in model.graph.output]
    ranges = observed_ranges(lambda: _tensors(model, feeds), plan.ranges, unclipped=outputs)
    for name, (low, high) in ranges.items():
        entry = overrides.setdefault(name, [{}])[0]
        ends = {"rmin": np.float32(low), "rmax": np.float32(high)}
        if "convert" in entry:
            entry["convert"] |= ends
        elif "quant_type" not in entry:
            entry |= ends


def _tensors(model: Any, feeds: Sequence[Feed]) -> Iterator[dict[str, FloatArray]]:
    """Every float activation of the model, feed by feed."""
    import onnx
    import onnxruntime

    watched = onnx.ModelProto()
    watched.CopyFrom(onnx.shape_inference.infer_shapes(model))
    there = {value.name for value in watched.graph.output}
    written = {name for node in watched.graph.node for name in node.output}
    for value in list(watched.graph.value_info):
        if value.name in written - there and value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            watched.graph.output.append(value)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for feed in feeds:
        written_now: Any = session.run(names, feed)
        yield feed | dict(zip(names, written_now, strict=True))


@dataclass(slots=True)
class _Reader:
    """Hands the observation inputs to the quantizer one by one."""

    feeds: Iterator[Feed]

    def get_next(self) -> Feed | None:
        """Return the next input, or None at the end."""
        return next(self.feeds, None)

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> Feed:
        if (found := self.get_next()) is None:
            raise StopIteration
        return found
