"""PyTorch to LiteRT: litert-torch for the graph; its neighbour `litert_integers` rounds it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.export.converting import ExportJob
from bedside.export.litert_integers import quantize
from bedside.export.scopes import Scoped, scoped
from bedside.export.shrinking import shrink_tflite
from bedside.runtime.artifact import Precision


@dataclass(frozen=True, slots=True)
class LiteRtConverter:
    """Channels last inside, float at the border: LiteRT.js takes no int8 input.

    Outputs with places of their own ``(N, K, H, W)`` or ``(N, K, D, H, W)`` leave the file channels last too, for that
    is how its kernels hold them; the session puts the classes back on axis 1.
    """

    requires: tuple[Requirement, ...] = (
        Requirement("litert_torch", "litert-torch"),
        Requirement("ai_edge_quantizer", "ai-edge-quantizer"),
    )

    def write(self, job: ExportJob, precisions: Sequence[Precision]) -> list[str]:
        """Write ``model_fp32.tflite`` and ``model_int8.tflite`` as asked."""
        with quiet(job.folder / "export.log"):
            marked = scoped(job.captured()) if job.plan.rules else Scoped(deepcopy(job.captured()), {})
            name = "raw-marked.tflite" if job.plan.rules else "raw.tflite"
            raw = job.float_file(name, lambda path: _convert(job, marked, path))
            return job.rounded(
                raw, precisions, round_to=lambda target: _quantize(job, marked.mark_of, raw, target),
                cleaned=lambda file: shrink_tflite(file.read_bytes()),
            )  # fmt: skip


def _convert(job: ExportJob, marked: Scoped, path: Path) -> None:
    """Write the float file; its layers are marked where the plan speaks of single ones."""
    import litert_torch
    import torch

    # litert-torch misreads weights that a fit has left channels-last
    model = marked.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    image, *state = job.blank()
    with torch.no_grad():
        outputs = model(*map(torch.from_numpy, (image, *state)))
    has_places = isinstance(outputs, torch.Tensor) and outputs.ndim >= 4
    channels_last = litert_torch.to_channel_last_io(model, args=[0], outputs=[0] if has_places else None).eval()
    sample = (torch.from_numpy(np.moveaxis(image, 1, -1).copy()), *map(torch.from_numpy, state))
    litert_torch.convert(channels_last, sample).export(str(path))


def _quantize(job: ExportJob, marks: Mapping[str, str], source: Path, target: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    names = next(iter(Interpreter(str(source)).get_signature_list().values()))["inputs"]
    feeds = [
        dict(zip(names, (np.ascontiguousarray(np.moveaxis(image, 1, -1)), *state), strict=True))
        for image, *state in job.observations()
    ]
    bits = job.bits_by_layer() if marks else {}
    quantize(source, target, job.plan, {marks[path]: given for path, given in bits.items()}, feeds)


LITERT = LiteRtConverter()
