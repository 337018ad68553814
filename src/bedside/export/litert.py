"""PyTorch to LiteRT: litert-torch for the graph, AI Edge Quantizer for int8; the only file that knows them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bedside.base.files import write_atomic
from bedside.base.quiet import quiet
from bedside.base.seam import Requirement
from bedside.export.converting import ExportJob
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
        raw = job.folder / "raw.tflite"
        with quiet(job.folder / "export.log"):
            _convert(job, raw)
            for precision in precisions:
                target = job.folder / f"model_{precision}.tflite"
                if precision == "int8":
                    _quantize(job, raw, target)
                data = (target if precision == "int8" else raw).read_bytes()
                write_atomic(target, shrink_tflite(data))
        raw.unlink()
        return [f"model_{precision}.tflite" for precision in precisions]


def _convert(job: ExportJob, path: Path) -> None:
    import litert_torch
    import torch

    # litert-torch misreads weights that a fit has left channels-last
    model = deepcopy(job.captured()).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    image, *state = job.blank()
    with torch.no_grad():
        outputs = model(*map(torch.from_numpy, (image, *state)))
    has_places = isinstance(outputs, torch.Tensor) and outputs.ndim >= 4
    channels_last = litert_torch.to_channel_last_io(model, args=[0], outputs=[0] if has_places else None).eval()
    sample = (torch.from_numpy(np.moveaxis(image, 1, -1).copy()), *map(torch.from_numpy, state))
    litert_torch.convert(channels_last, sample).export(str(path))


def _quantize(job: ExportJob, source: Path, target: Path) -> None:
    """Obey the plan: observed minimum and maximum instead of the default moving average, which clips logits."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import calibrator, quantizer, recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.utils import qsv_utils

    worker = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    for border in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
        worker.update_quantization_recipe(regex=".*", operation_name=border, algorithm_key=AlgorithmName.NO_QUANTIZE)
    observer = calibrator.Calibrator(str(source), num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    signature, names = next(iter(Interpreter(str(source)).get_signature_list().items()))
    met = [
        dict(zip(names["inputs"], (np.ascontiguousarray(np.moveaxis(image, 1, -1)), *state), strict=True))
        for image, *state in job.observations()
    ]
    observer.calibrate({signature: met}, worker._recipe_manager)
    worker.quantize(observer.get_model_qsvs()).export_model(str(target), overwrite=True)


LITERT = LiteRtConverter()
