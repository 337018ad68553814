"""Part of stop 7: the int8 file that a fix of the autopilot makes of a model."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.base.digest import digest_array, digest_file
from bedside.base.stamp import versions_of
from bedside.cohort_stops import Material
from bedside.compress.autopilot import Fix
from bedside.compress.compressing import CompressedModel
from bedside.compress.preparing import prepared
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe
from bedside.export.converting import ExportJob, convert
from bedside.running import WORKSHOP, Run
from bedside.runtime.artifact import Artifact
from bedside.verify.parity import edge_images

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model whose int8 file is in question.

    Parameters
    ----------
    files
        Its fp32 and its plain int8 file, in `folder`.
    may_train
        Whether the network itself may change (quantization-aware training).
    """

    name: str
    model: CompressedModel
    network: "nn.Module"
    recipe: Recipe
    files: tuple[Artifact, ...]
    folder: Path
    budget: Budget
    may_train: bool = True

    @property
    def format(self) -> str:
        """Format of the files."""
        return self.files[0].format


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Files:
    """Makes the int8 file of a fix in the format of the subject; the float file is kept for further fixes."""

    run: Run
    material: Material
    subject: Subject

    def plan(self, fix: Fix) -> QuantizationPlan:
        """The quantization plan of the file that would ship."""
        return _plan(fix, self._seen(fix, self.material.observed))

    def __call__(
        self, fix: Fix, network: "nn.Module", observed: FloatArray, folder: Path, *, with_fp32: bool = False
    ) -> tuple[Artifact, ...]:
        """Write it beside an fp32 file: the one that is there or, `with_fp32`, that of a network trained anew."""
        subject, spec, seen = self.subject, self.material.preprocess.spec, self._seen(fix, observed)
        plan = _plan(fix, seen)
        floats = self.run.journal.place("floats", [subject.model.digest, subject.format, versions_of(WORKSHOP)])
        job = ExportJob(
            model=prepared(network, fix.preparation, spec, plan, seen), spec=spec, observed=seen, plan=plan,
            n_classes=self.material.task.n_classes, folder=folder, float_folder=floats,
        )  # fmt: skip
        if with_fp32:
            return convert(job, subject.format, ("fp32", "int8"))
        fp32 = subject.files[0]
        (int8,) = convert(job, subject.format, ("int8",))
        if not (folder / fp32.file).is_file() or digest_file(folder / fp32.file) != fp32.digest:
            shutil.copyfile(subject.folder / fp32.file, folder / fp32.file)
        return (fp32, int8)

    def _seen(self, fix: Fix, observed: FloatArray) -> FloatArray:
        """What ranges are observed on: with 16 bits to spare also the edge cases, which 8 bits would pay for."""
        if fix.kind != "w8a16":
            return observed
        preprocess = self.material.preprocess
        return np.concatenate([observed, preprocess.normalize(edge_images(preprocess.spec.shape))])


def _plan(fix: Fix, observed: FloatArray) -> QuantizationPlan:
    return fix.plan(len(observed), digest_array(observed))
