"""PyTorch to ExecuTorch with XNNPACK; the only file that knows executorch's lowering and torchao's PT2E."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from bedside.base.files import write_atomic
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.export.converting import ExportJob
from bedside.runtime.artifact import Precision


@dataclass(frozen=True, slots=True)
class ExecuTorchConverter:
    """Portable ``.pte`` whose graph is handed to XNNPACK."""

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
    """Obey the plan with PT2E (torchao): min-max observers instead of the default histograms."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer().set_global(_config())
    prepared = prepare_pt2e(_apart(torch.export.export(model, sample).module()), quantizer)
    with torch.no_grad():
        for met in job.observations():
            prepared(*map(torch.from_numpy, met))
    return convert_pt2e(prepared)


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


EXECUTORCH = ExecuTorchConverter()
