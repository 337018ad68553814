"""Stops 6 to 8: files of a network, whether they say what it says, what they cost, and their row in the trial table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.digest import Digest, digest_array, digest_value
from bedside.base.stamp import versions_of
from bedside.cohort_stops import Material
from bedside.compress.proposing import Candidate
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session, exported_session
from bedside.running import WORKSHOP, Run
from bedside.runtime.artifact import Artifact, Precision
from bedside.runtime.devices import DeviceSpec
from bedside.runtime.session import logits, open_session
from bedside.verify.judge import Answer, judge_of
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.parity import ParityReport, edge_images
from bedside.verify.profiling import Profile, profile
from bedside.verify.selection import Trial

if TYPE_CHECKING:
    from torch import nn

N_PARITY = 400
"""Tuning images that the parity chain runs on."""


def exported(
    run: Run, material: Material, model: "nn.Module", digest: Digest, format_: str, precisions: Sequence[Precision]
) -> tuple[tuple[Artifact, ...], Path]:
    """Stop 6: files in one format, int8 by the one quantization plan."""
    plan = QuantizationPlan(n_observed=len(material.observed), observation=digest_array(material.observed))
    inputs = [digest, format_, list(precisions), plan, versions_of(WORKSHOP)]
    folder = run.journal.place("artifact", inputs)
    job = ExportJob(
        model=model,
        spec=material.preprocess.spec,
        n_classes=material.task.n_classes,
        plan=plan,
        observed=material.observed,
        folder=folder,
    )
    artifacts = run.journal.stop("artifact", tuple[Artifact, ...], inputs, lambda: convert(job, format_, precisions))
    return artifacts, folder


def paritied(
    run: Run, material: Material, model: "nn.Module", digest: Digest, artifacts: Sequence[Artifact], folder: Path
) -> ParityReport:
    """Stop 7: the chain from the eager model through its exported graph to each file."""
    inputs = [material.digest, digest, list(artifacts), run.settings.target_sensitivity]

    def make() -> ParityReport:
        images = material.tuning_inputs()
        eager = eager_session(model)
        point = locked(run, material, logits(eager, images))
        chain = [("eager", eager), ("exported", exported_session(model, material.preprocess.spec))]
        chain += [(artifact.name, open_session(artifact, folder)) for artifact in artifacts]  # type: ignore[list-item]
        edges = material.preprocess.normalize(edge_images(material.preprocess.spec.shape))
        shown = images[:: max(1, len(images) // N_PARITY)]
        return judge_of(material.task).parity(chain, shown, edges, point)

    return run.journal.stop("parity", ParityReport, inputs, make)


def locked(run: Run, material: Material, outputs: FloatArray) -> OperatingPoint:
    """Temperature and threshold for outputs on the tuning part."""
    judge, asked = judge_of(material.task), run.settings.target_sensitivity
    return judge.lock(material.tuning_truth, outputs, target_sensitivity=asked)


def profiled(
    run: Run, material: Material, artifact: Artifact, folder: Path, device: DeviceSpec, candidate: Candidate | None
) -> Profile:
    """Stop 8: latency, memory, energy, size."""
    inputs = [artifact, device.name, candidate.cost if candidate else None]
    image = material.tuning_inputs()[0]
    mmacs = candidate.cost.mmacs if candidate else None
    n_layers = candidate.cost.n_layers if candidate else None
    return run.journal.stop(
        "profile", Profile, inputs, lambda: profile(artifact, folder, image, device, mmacs=mmacs, n_layers=n_layers)
    )


def tried(
    run: Run,
    material: Material,
    candidate: Candidate,
    files: tuple[tuple[Artifact, ...], Path],
    parity: ParityReport,
    speed: Profile,
    reference_outputs: FloatArray,
) -> Trial:
    """One row of the trial table, from tuning data only; the last of the files is the one that would ship."""
    artifacts, folder = files
    shipped = artifacts[-1]
    outputs = logits(open_session(shipped, folder), material.tuning_inputs())
    answer = Answer(outputs=outputs, point=locked(run, material, outputs))
    judge = judge_of(material.task)
    score, judged = judge.tuning(
        material.tuning_truth,
        shipped=answer,
        reference=Answer(outputs=reference_outputs, point=locked(run, material, reference_outputs)),
        margin=run.settings.margin,
        seed=run.settings.seed,
    )
    return Trial(
        name=f"{candidate.name} {shipped.precision}",
        recipe=digest_value(candidate.recipe),
        artifacts=artifacts,
        metric=judge.metric,
        tuning_score=score,
        non_inferiority=judged,
        point=answer.point,
        parity=parity,
        profile=speed,
        mmacs=candidate.cost.mmacs,
        n_parameters=candidate.cost.n_parameters,
    )
