"""One candidate through stops 5 to 8, its int8 mended where it is refused; and the files of the chosen one."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.arrays import FloatArray
from bedside.base.budget import Budget
from bedside.base.errors import ParityError
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material
from bedside.compress.compressing import CompressedModel, load_compressed
from bedside.compress.proposing import Candidate, recosted
from bedside.compress.recipe_file import write_recipe
from bedside.file_stops import exported, locked, paritied, profiled, tried
from bedside.fitting_stops import compressed
from bedside.int8_files import Subject
from bedside.mending_stops import Mended, mended
from bedside.running import Run
from bedside.runtime.artifact import Artifact
from bedside.runtime.devices import DeviceSpec, device_named
from bedside.runtime.session import logits, open_session
from bedside.train.baseline import Baseline
from bedside.verify.int8_tries import AutopilotReport
from bedside.verify.parity import ParityReport
from bedside.verify.selection import Trial

if TYPE_CHECKING:
    from torch import nn

PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A candidate that has been made, with a trial for each precision of its first format.

    Parameters
    ----------
    int8
        What it took to reach its int8 file; None where the autopilot was not asked.
    """

    candidate: Candidate
    model: CompressedModel
    model_folder: Path
    files: tuple[Artifact, ...]
    files_folder: Path
    trials: tuple[Trial, ...]
    int8: AutopilotReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The files that ship, the chosen one first, the parity of each format, and how each int8 was reached."""

    models: tuple[ModelFile, ...]
    own_fp32: ModelFile
    parity_of_format: dict[str, ParityReport]
    int8: tuple[AutopilotReport, ...] = field(default=())


def attempted(
    run: Run, material: Material, candidate: Candidate, teacher: FloatArray | None, baseline: Baseline,
    reference_outputs: FloatArray, budget: Budget, start: "nn.Module | None" = None,
    reference: "nn.Module | None" = None,
) -> tuple[Attempt, ...]:  # fmt: skip
    """Take a candidate through compression, export, parity and profile; its recipe is left beside the journal.

    Where the autopilot mends its int8 file by training, there are two attempts: as it was, and trained for int8.
    `teacher` are the teachers' answers; `reference` is the network itself, for steps that look inside it.
    """
    device, first = device_named(budget.device), run.settings.formats[0]
    run.watch.stop(5, "compress", candidate.name)
    write_recipe(candidate.recipe, run.journal.folder / "recipes" / f"{_file_name(candidate.name)}.yaml")
    model, model_folder = compressed(run, material, candidate.recipe, teacher, baseline, start, reference)
    network = load_compressed(model, model_folder)
    candidate = recosted(candidate, network, device)
    run.watch.stop(6, "export", f"{candidate.name} to {first}")
    files, folder = exported(run, material, network, model.digest, first, PRECISIONS)
    attempt = _measured(run, material, candidate, (model, model_folder), (files, folder), device, reference_outputs)
    if not run.settings.autopilot:
        return (attempt,)
    run.watch.stop(7, "int8", candidate.name)
    found = mended(run, material, _subject(attempt, network, files, folder, budget))
    return _with_mended(run, material, attempt, found, device, reference_outputs)


def _measured(
    run: Run, material: Material, candidate: Candidate, held: tuple[CompressedModel, Path],
    made: tuple[tuple[Artifact, ...], Path], device: DeviceSpec, reference_outputs: FloatArray,
) -> Attempt:  # fmt: skip
    """Parity, profile and tuning score of each file of a model."""
    (model, model_folder), (files, folder) = held, made
    network, trials = load_compressed(model, model_folder), []
    for n in range(1, len(files) + 1):
        run.watch.stop(7, "parity", f"{candidate.name} {files[n - 1].name}")
        parity = paritied(run, material, network, model.digest, files[:n], folder)
        run.watch.stop(8, "profile", f"{candidate.name} {files[n - 1].name}")
        speed = profiled(run, material, files[n - 1], folder, device, candidate)
        trials.append(tried(run, material, candidate, (files[:n], folder), parity, speed, reference_outputs))
    return Attempt(
        candidate=candidate, model=model, model_folder=model_folder, files=files, files_folder=folder,
        trials=tuple(trials),
    )  # fmt: skip


def _subject(
    attempt: Attempt, network: "nn.Module", files: tuple[Artifact, ...], folder: Path, budget: Budget, *,
    may_train: bool = True,
) -> Subject:  # fmt: skip
    return Subject(
        name=attempt.candidate.name, model=attempt.model, network=network, recipe=attempt.candidate.recipe, files=files,
        folder=folder, budget=budget, may_train=may_train,
    )  # fmt: skip


def _with_mended(
    run: Run, material: Material, attempt: Attempt, found: Mended, device: DeviceSpec, reference_outputs: FloatArray
) -> tuple[Attempt, ...]:
    """Put what the autopilot came to in the place of the int8 file; a network that it trained is an attempt more."""
    tested, report = found.tested, found.report
    refused = replace(attempt.trials[-1], int8_refused=report.tries[0].why)
    asis = replace(attempt, trials=(*attempt.trials[:-1], refused), int8=report)
    if tested is None:
        return (asis,)
    if report.chosen == "plain":
        return (replace(attempt, int8=report),)
    if tested.model is None or found.model_folder is None:
        whole = (tested.files, found.folder)
        other = _measured(run, material, attempt.candidate, (attempt.model, attempt.model_folder), whole, device,
                          reference_outputs)  # fmt: skip
        return (replace(other, int8=report),)
    candidate = replace(attempt.candidate, recipe=tested.model.recipe)
    write_recipe(candidate.recipe, run.journal.folder / "recipes" / f"{_file_name(candidate.name)}.yaml")
    held, made = (tested.model, found.model_folder), (tested.files, found.folder)
    other = _measured(run, material, candidate, held, made, device, reference_outputs)
    return (asis, replace(other, int8=report))


def _file_name(name: str) -> str:
    """Write a candidate's name without what file systems dislike."""
    return re.sub(r"[^A-Za-z0-9.=_+-]+", "-", name).strip("-")


def shipment(run: Run, material: Material, attempt: Attempt, chosen: Trial, budget: Budget) -> Shipment:
    """Make the other formats of the chosen model, check each, and lock each file's own operating point.

    Raises
    ------
    ParityError
        If a further format is out of tolerance: it is refused, by name, before the test is opened.
    """
    network = load_compressed(attempt.model, attempt.model_folder)
    parity_of_format = {run.settings.formats[0]: chosen.parity}
    groups, reports = [(attempt.files, attempt.files_folder)], [attempt.int8] if attempt.int8 else []
    for format_ in run.settings.formats[1:]:
        run.watch.stop(6, "export", f"{attempt.candidate.name} to {format_}")
        files, folder = exported(run, material, network, attempt.model.digest, format_, PRECISIONS)
        run.watch.stop(7, "parity", f"{attempt.candidate.name} {format_}")
        parity = paritied(run, material, network, attempt.model.digest, files, folder)
        floats_hold = all(stage.passed for stage in parity.stages[:-1])
        if not parity.passed and run.settings.autopilot and floats_hold:
            found = mended(run, material, _subject(attempt, network, files, folder, budget, may_train=False))
            reports.append(found.report)
            if found.tested is not None and found.tested.parity is not None:
                files, folder, parity = found.tested.files, found.folder, found.tested.parity
        if not parity.passed:
            raise _broken(format_, parity)
        parity_of_format[format_] = parity
        groups.append((files, folder))
    located = [(artifact, folder) for files, folder in groups for artifact in files]
    located.sort(key=lambda pair: pair[0] != chosen.shipped)
    models = tuple(_with_point(run, material, artifact, folder) for artifact, folder in located)
    own_fp32 = next(m for m in models if m.folder == attempt.files_folder and m.artifact.precision == "fp32")
    return Shipment(models=models, own_fp32=own_fp32, parity_of_format=parity_of_format, int8=tuple(reports))


def _with_point(run: Run, material: Material, artifact: Artifact, folder: Path) -> ModelFile:
    outputs = logits(open_session(artifact, folder), material.tuning_inputs())
    return ModelFile(artifact=artifact, folder=folder, point=locked(run, material, outputs))


def _broken(format_: str, parity: ParityReport) -> ParityError:
    stage = next(s for s in (*parity.stages, parity.end_to_end) if not s.passed)
    return ParityError(
        f"the {format_} file is not faithful: parity breaks at {stage.stage}, {stage.broken_by}",
        expected=f"a probability change of at most {stage.tolerance_prob:g}",
        hint="leave that format out of --formats",
    )
