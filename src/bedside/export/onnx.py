"""PyTorch to ONNX; its neighbour `onnx_integers` rounds the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.export.coding import with_codebooks
from bedside.export.converting import ExportJob
from bedside.export.onnx_integers import quantize
from bedside.runtime.artifact import Precision

_INPUTS, _OUTPUTS = ("image", "state"), ("logits", "next_state")
"""Names in the file; the second ones are those of a clip model that carries a state."""


@dataclass(frozen=True, slots=True)
class OnnxConverter:
    """Opset 20, one image; unsigned activations, which x86 runs faster than signed ones."""

    requires: tuple[Requirement, ...] = (
        Requirement("onnx", "onnx"),
        Requirement("onnxscript", "onnxscript"),
        Requirement("onnxruntime", "onnxruntime"),
    )

    def write(self, job: ExportJob, precisions: Sequence[Precision]) -> list[str]:
        """Write ``model_fp32.onnx`` and ``model_int8.onnx`` as asked."""
        with quiet(job.folder / "export.log"):
            raw = job.float_file("raw.onnx", lambda path: _convert(job, path))
            return job.rounded(raw, precisions, round_to=lambda target: _quantize(job, raw, target), cleaned=_stripped)


def _convert(job: ExportJob, path: Path) -> None:
    import torch

    sample = tuple(map(torch.from_numpy, job.blank()))
    program = torch.onnx.export(
        job.captured(), sample, dynamo=True, input_names=list(_INPUTS[: len(sample)]),
        output_names=list(_OUTPUTS[: len(sample)]), verbose=False,
    )  # fmt: skip
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    program.save(str(path), external_data=False)


def _quantize(job: ExportJob, source: Path, target: Path) -> None:
    feeds = [dict(zip(_INPUTS, met, strict=False)) for met in job.observations()]
    quantize(source, target, job.plan, job.bits_by_layer(), feeds)


def _stripped(path: Path) -> bytes:
    """The model without the exporter's traces of Python source, which hold local paths."""
    import onnx

    model = onnx.load(str(path))
    for holder in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del holder.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    del model.metadata_props[:]
    with_codebooks(_used_once(model))
    return model.SerializeToString(deterministic=True)


def _used_once(model: Any) -> Any:
    """Keep equal constants once, in place: weights that blocks share, and scales that layers happen to share."""
    from onnx import numpy_helper

    name_of: dict[tuple[Any, ...], str] = {}
    same: dict[str, str] = {}
    for tensor in list(model.graph.initializer):
        key = (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes())
        if (first := name_of.setdefault(key, tensor.name)) != tensor.name:
            same[tensor.name] = first
            model.graph.initializer.remove(tensor)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
    return model


ONNX = OnnxConverter()
