"""Files of a network for a benchmark: int8 by the ordinary plan, its ranges those of the observed cases."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.digest import digest_array
from bedside.base.task import TensorSpec
from bedside.runtime.artifact import Artifact, Precision

if TYPE_CHECKING:
    from torch import nn

BOTH: tuple[Precision, ...] = ("fp32", "int8")


def exported(
    model: "nn.Module", spec: TensorSpec, n_classes: int, observed: FloatArray, folder: Path,
    precisions: Sequence[Precision] = BOTH, format_: str = "litert",
) -> tuple[Artifact, ...]:  # fmt: skip
    """Write a network's files into `folder`; `observed` is ``(n, *spec.shape)`` float32, preprocessed."""
    from bedside.compress.quantization import QuantizationPlan
    from bedside.export.converting import ExportJob, convert

    plan = QuantizationPlan(n_observed=len(observed), observation=digest_array(observed))
    job = ExportJob(model=model, spec=spec, n_classes=n_classes, plan=plan, observed=observed, folder=folder)
    return convert(job, format_, precisions)
