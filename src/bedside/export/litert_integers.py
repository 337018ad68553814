"""The quantization plan on a LiteRT file: AI Edge Quantizer's recipe, and the ranges that it is given."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.compress.quantization import LayerBits, QuantizationPlan
from bedside.export.litert_scopes import bits_by_operation
from bedside.export.observing import observed_ranges

Feed = dict[str, FloatArray]

_EVERYWHERE = ".*"


def quantize(source: Path, target: Path, plan: QuantizationPlan, bits_of_mark: Mapping[str, LayerBits],
             feeds: Sequence[Feed]) -> None:  # fmt: skip
    """Obey the plan: observed ranges instead of the default moving average, which clips logits.

    Parameters
    ----------
    bits_of_mark
        What each layer is given, by the mark in its tensors' names; empty if there are no rules.
    feeds
        Observation inputs by the signature's names.
    """
    from ai_edge_quantizer import calibrator, quantizer
    from ai_edge_quantizer.utils import qsv_utils

    worker = quantizer.Quantizer(str(source))
    usual = plan.bits_of("")
    others = bits_by_operation(source, bits_of_mark, usual) if bits_of_mark else {}
    _write_recipe(worker, usual, others)
    observer = calibrator.Calibrator(str(source), num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    observer.calibrate({_signature(source): feeds}, worker._recipe_manager)
    found = observer.get_model_qsvs()
    if not found:  # the rules leave nothing to round
        target.write_bytes(source.read_bytes())
        return
    if plan.ranges != "min_max" and plan.activation_bits == 8:
        wide = {name for name, bits in others.items() if bits.activations == 16}
        found = _clipped(found, source, plan, feeds, wide)
    worker.quantize(found).export_model(str(target), overwrite=True)


def _signature(source: Path) -> str:
    from ai_edge_litert.interpreter import Interpreter

    return next(iter(Interpreter(str(source)).get_signature_list()))


def _write_recipe(worker: Any, usual: LayerBits, others: Mapping[str, LayerBits]) -> None:
    """First what holds everywhere, then the operations that rules change: the last entry wins."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName

    _add(worker, _EVERYWHERE, usual)
    for bits in dict.fromkeys(given for given in others.values() if given != usual):
        names = "|".join(re.escape(name) for name, given in others.items() if given == bits)
        _add(worker, f"^(?:{names})$", bits)
    for border in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        worker.update_quantization_recipe(
            regex=_EVERYWHERE, operation_name=border, algorithm_key=AlgorithmName.NO_QUANTIZE
        )


def _add(worker: Any, regex: str, bits: LayerBits) -> None:
    """Whatever an operation has no kernel for at its width stays float, also where the rest has fewer bits."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName as Op

    if regex != _EVERYWHERE or bits.is_float:
        worker.update_quantization_recipe(
            regex=regex, operation_name=Op.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    if bits.is_float:
        return
    integer = regex if regex == _EVERYWHERE else f"{regex}(?:)"  # a spelling of its own: equal ones replace each other
    worker.add_static_config(integer, Op.ALL_SUPPORTED, bits.activations, 8)
    if bits.weights == 4:
        for full in (Op.CONV_2D, Op.FULLY_CONNECTED):  # no depthwise kernel takes four bits
            worker.add_static_config(integer, full, bits.activations, 4)


def _clipped(found: dict[str, Any], source: Path, plan: QuantizationPlan, feeds: Sequence[Feed],
             wide: set[str]) -> dict[str, Any]:  # fmt: skip
    """The observed statistics with the plan's ranges; a 16-bit range (of a `wide` operation) gains nothing by it."""
    names = {name for name, statistics in found.items() if statistics and "min" in statistics}
    names = {name for name in names if f"{name};" not in wide}
    outputs = _output_names(source)
    ranges = observed_ranges(lambda: _tensors(source, names, feeds), plan.ranges, unclipped=outputs)
    return found | {
        name: found[name] | {"min": _like(found[name]["min"], low), "max": _like(found[name]["max"], high)}
        for name, (low, high) in ranges.items()
    }


def _like(array: Any, value: float) -> Any:
    return np.full_like(np.asarray(array, np.float32), value)


def _output_names(source: Path) -> list[str]:
    from ai_edge_litert.interpreter import Interpreter

    return [detail["name"] for detail in Interpreter(str(source)).get_output_details()]


def _tensors(source: Path, names: set[str], feeds: Sequence[Feed]) -> Iterator[dict[str, FloatArray]]:
    """Every activation of the float file, feed by feed; constants, which no feed changes, are weights."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(source), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True, num_threads=1,
    )  # fmt: skip
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner(_signature(source))
    written = {i for op in interpreter._get_ops_details() for i in op["outputs"]}
    inputs = {detail["index"] for detail in interpreter.get_input_details()}
    wanted = [
        (detail["name"], detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"] in names and detail["dtype"] == np.float32 and detail["index"] in written | inputs
    ]
    for feed in feeds:
        runner(**feed)
        yield {name: interpreter.get_tensor(index) for name, index in wanted}
