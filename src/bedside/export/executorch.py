"""PyTorch to ExecuTorch with XNNPACK; the only file that knows executorch's lowering and torchao's PT2E."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.errors import InputError
from bedside.base.files import write_atomic
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.compress.quantization import LayerBits
from bedside.compress.ranges import Range
from bedside.export.converting import ExportJob
from bedside.export.observing import observed_ranges
from bedside.runtime.artifact import Precision


@dataclass(frozen=True, slots=True)
class ExecuTorchConverter:
    """Portable ``.pte`` whose graph is handed to XNNPACK: 8-bit integers and float, no other width."""

    requires: tuple[Requirement, ...] = (Requirement("executorch", "executorch"), Requirement("torchao", "torchao"))

    def write(self, job: ExportJob, precisions: Sequence[Precision]) -> list[str]:
        """Write ``model_fp32.pte`` and ``model_int8.pte`` as asked."""
        import torch

        sample = tuple(map(torch.from_numpy, job.blank()))
        with quiet(job.folder / "export.log"):
            for precision in precisions:
                model = job.captured()
                graph = _quantize(job, model, sample) if precision == "int8" else model
                write_atomic(job.folder / f"model_{precision}.pte", _lower(graph, sample))
        return [f"model_{precision}.pte" for precision in precisions]


def _lower(model: Any, sample: tuple[Any, ...]) -> bytes:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(model, sample)
    return bytes(to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def _quantize(job: ExportJob, model: Any, sample: tuple[Any, ...]) -> Any:
    """Obey the plan with PT2E (torchao): the plan's ranges instead of the default histograms."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    bits = job.bits_by_layer()
    _refuse_widths(bits)
    quantizer = XNNPACKQuantizer().set_global(_config())
    quantizer.set_filter_function(lambda node: not bits.get(_innermost(node), bits[""]).is_float)
    prepared = prepare_pt2e(_apart(torch.export.export(model, sample).module()), quantizer)
    stream = partial(_streamed, prepared, job)
    if job.plan.ranges == "min_max":
        for _ in stream():
            pass
    else:
        _set_ranges(prepared, observed_ranges(stream, job.plan.ranges, unclipped=_before_output(prepared)))
    return convert_pt2e(prepared)


def _refuse_widths(bits: Mapping[str, LayerBits]) -> None:
    """XNNPACK's integer kernels hold 8 bits.

    Raises
    ------
    InputError
        If the plan asks another width of a layer.
    """
    for path, one in bits.items():
        if not one.is_float and (one.activations != 8 or one.weights != 8):
            asked = f"{one.activations}-bit activations" if one.activations != 8 else "4-bit weights"
            raise InputError(
                f"executorch cannot give {f'the layer {path!r}' if path else 'the network'} {asked}",
                expected="8-bit weights and activations, or float: XNNPACK has no other integer convolutions",
                hint="leave the layer float (keeps: float), or export this plan to litert or onnx",
            )


def _innermost(node: Any) -> str:
    """Path of the module that a captured operation lies in."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] if stack else ""


def _apart(graph: Any) -> Any:
    """Give each use of a shared weight a weight of its own, in place: XNNPACK loads no quantized weight of two uses.

    The file keeps equal constants once all the same.
    """
    for node in [node for node in graph.graph.nodes if node.op == "get_attr"]:
        for number, user in enumerate(list(node.users)[1:]):
            name = f"{node.target.replace('.', '_')}_use_{number + 1}"
            graph.register_parameter(name, deepcopy(graph.get_parameter(node.target)))
            with graph.graph.inserting_before(user):
                own = graph.graph.get_attr(name)
            own.meta = dict(node.meta)
            user.replace_input_with(node, own)
    graph.recompile()
    return graph


def _config() -> Any:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import get_symmetric_quantization_config
    from torchao.quantization.pt2e.observer import MinMaxObserver

    config: Any = get_symmetric_quantization_config(is_per_channel=True)
    observer = MinMaxObserver.with_args(eps=2**-12)
    return replace(
        config,
        input_activation=replace(config.input_activation, observer_or_fake_quant_ctr=observer),
        output_activation=replace(config.output_activation, observer_or_fake_quant_ctr=observer),
    )


def _observers(prepared: Any) -> dict[str, Any]:
    """The observers of activations, by name; those of weights have one range a channel, and are left alone."""
    from torchao.quantization.pt2e.observer import MinMaxObserver, PerChannelMinMaxObserver

    return {
        name: module
        for name, module in prepared.named_modules()
        if isinstance(module, MinMaxObserver) and not isinstance(module, PerChannelMinMaxObserver)
    }


def _streamed(prepared: Any, job: ExportJob) -> Iterator[dict[str, FloatArray]]:
    """What each observer is given, observation by observation; one that several tensors share is given them all."""
    import torch

    given: dict[str, list[FloatArray]] = {}

    def keeper(name: str) -> Any:
        def keep(module: Any, args: tuple[Any, ...]) -> None:
            given.setdefault(name, []).append(args[0].numpy().ravel())

        return keep

    hooks = [module.register_forward_pre_hook(keeper(name)) for name, module in _observers(prepared).items()]
    with torch.no_grad():
        for met in job.observations():
            prepared(*map(torch.from_numpy, met))
            yield {name: np.concatenate(values) for name, values in given.items()}
            given.clear()
    for hook in hooks:
        hook.remove()


def _before_output(prepared: Any) -> list[str]:
    """Names of the observers whose tensors leave the network."""
    returned = next(node for node in prepared.graph.nodes if node.op == "output").all_input_nodes
    last = [prepared.get_submodule(node.target) for node in returned if node.op == "call_module"]
    return [name for name, observer in _observers(prepared).items() if any(observer is one for one in last)]


def _set_ranges(prepared: Any, ranges: Mapping[str, Range]) -> None:
    import torch

    for name, observer in _observers(prepared).items():
        if name in ranges:
            low, high = ranges[name]
            observer.min_val.copy_(torch.tensor(low))
            observer.max_val.copy_(torch.tensor(high))


EXECUTORCH = ExecuTorchConverter()
