"""The stops of further evidence: referral rules fitted on tuning; subgroups, usefulness and gaze on the opened test."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.base.digest import Digest, digest_array
from bedside.base.task import Task
from bedside.bundle.report_data import GazePicture
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material
from bedside.compress.cost import count_model
from bedside.data.case_notes import CaseNotes
from bedside.export.exported import eager_session
from bedside.gaze_stops import GazeOutcome, GazePlan, Looker, gazed
from bedside.running import Run
from bedside.runtime.devices import DeviceSpec
from bedside.runtime.session import logits, open_session
from bedside.verify.abstention import (
    MIN_PATIENTS,
    AbstentionEvidence,
    AbstentionRule,
    AbstentionRules,
    abstention_evidence,
    fit_abstention,
)
from bedside.verify.gaze import ExplanationReport
from bedside.verify.heat_agreement import rank_correlation
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.subgroup_evidence import SubgroupEvidence, subgroup_evidence
from bedside.verify.usefulness import Usefulness, usefulness

if TYPE_CHECKING:
    from torch import nn

    from bedside.testing_stops import TestOutcome

N_PICTURES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found beyond the main comparison; None where it could not be."""

    rules: AbstentionRules | None = None
    abstention: AbstentionEvidence | None = None
    subgroups: SubgroupEvidence | None = None
    usefulness: Usefulness | None = None
    gaze: ExplanationReport | None = None
    gaze_pictures: tuple[GazePicture, ...] = field(default=(), repr=False)

    def values(self) -> dict[str, object]:
        """By the path of their file in the bundle."""
        held = {
            "abstention": self.abstention, "subgroups": self.subgroups, "usefulness": self.usefulness,
            "gaze": self.gaze,
        }  # fmt: skip
        return {f"evidence/{name}.json": value for name, value in held.items() if value is not None}


def abstaining(run: Run, material: Material, models: tuple[ModelFile, ...]) -> AbstentionRules | None:
    """Fit prediction sets and referral rules on the tuning outputs of every file that ships; part of stop 9.

    None, with a note, where there are too few tuning patients, or the task is no classification.
    """
    if not material.task.picks_one:
        return None
    if (n_units := len(set(material.tuning_units))) < MIN_PATIENTS:
        run.watch.note(f"no referral rules: {n_units} tuning patients cannot fit them; {MIN_PATIENTS} can")
        return None
    inputs = [material.digest, [[model.artifact, model.point] for model in models]]

    def make() -> AbstentionRules:
        return AbstentionRules(of_model={model.artifact.name: _fitted(material, model) for model in models})

    return run.journal.stop("abstention-rules", AbstentionRules, inputs, make)


def _fitted(material: Material, model: ModelFile) -> AbstentionRule:
    outputs = logits(open_session(model.artifact, model.folder), material.tuning_inputs())
    probabilities = model.point.probabilities(outputs)
    return fit_abstention(
        material.data.tuning_targets, probabilities, model.point.calls(probabilities), material.tuning_units
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The float networks of a run, which the gaze is compared on."""

    reference: "nn.Module"
    reference_digest: Digest
    reference_point: OperatingPoint
    shipped: "nn.Module"
    device: DeviceSpec


def examined(
    run: Run, material: Material, models: tuple[ModelFile, ...], own_fp32: ModelFile, networks: Networks,
    outcome: "TestOutcome", rules: AbstentionRules | None,
) -> Findings:  # fmt: skip
    """Everything on the opened test, for the first of the files; nothing where the task is no classification."""
    if not material.task.picks_one:
        return Findings()
    run.watch.note("prediction sets, referral, subgroups, decision curve")
    shipped, notes = models[0], outcome.notes
    answers = _Answers(
        material.task, outcome.targets, outcome.units, _answered(outcome.shipped, shipped.point),
        _answered(outcome.reference, networks.reference_point),
    )  # fmt: skip
    seen = None
    if material.preprocess.spec.is_image:
        seen = gaze_of_run(run, material, own_fp32, shipped, networks, outcome)
    inputs = [shipped.artifact, shipped.point, networks.reference_point, networks.reference_digest,
              digest_array(outcome.images), digest_array(outcome.targets)]  # fmt: skip
    return Findings(
        rules=rules,
        abstention=answers.abstained(run, inputs, rules.of_model[shipped.artifact.name]) if rules else None,
        subgroups=answers.by_attribute(run, inputs, notes) if notes.attributes else None,
        usefulness=answers.useful(run, inputs),
        gaze=seen.report if seen else None,
        gaze_pictures=pictured(seen, outcome, material.task) if seen else (),
    )


def _answered(outputs: FloatArray, point: OperatingPoint) -> tuple[FloatArray, IntArray]:
    probabilities = point.probabilities(outputs)
    return probabilities, point.calls(probabilities)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Probabilities and calls of both models on the opened test."""

    task: Task
    labels: IntArray
    units: tuple[str, ...]
    shipped: tuple[FloatArray, IntArray]
    reference: tuple[FloatArray, IntArray]

    def abstained(self, run: Run, inputs: list[object], rule: AbstentionRule) -> AbstentionEvidence:
        return run.journal.stop(
            "abstention",
            AbstentionEvidence,
            [*inputs, rule],
            lambda: abstention_evidence(rule, self.labels, self.shipped, self.reference, self.units),
        )

    def by_attribute(self, run: Run, inputs: list[object], notes: CaseNotes) -> SubgroupEvidence | None:
        task, k = self.task, self.task.positive
        return run.journal.stop(
            "subgroups",
            SubgroupEvidence,
            [*inputs, notes.attributes],
            lambda: subgroup_evidence(
                task.positive_name, notes.attributes, self.labels == k, (self.shipped[0][:, k], self.shipped[1] == k),
                (self.reference[0][:, k], self.reference[1] == k), self.units,
            ),
        )  # fmt: skip

    def useful(self, run: Run, inputs: list[object]) -> Usefulness:
        task, k = self.task, self.task.positive
        both = {"shipped": self.shipped[0][:, k], "reference": self.reference[0][:, k]}
        return run.journal.stop(
            "usefulness",
            Usefulness,
            inputs,
            lambda: usefulness(task.positive_name, self.labels == k, both, self.units),
        )


def gaze_of_run(
    run: Run, material: Material, own_fp32: ModelFile, shipped: ModelFile, networks: Networks, outcome: "TestOutcome"
) -> GazeOutcome:
    """Compare where reference and shipped file look, within a work that is set on paper."""
    spec = material.preprocess.spec
    mmacs = [count_model(network, spec, networks.device).mmacs for network in (networks.reference, networks.shipped)]
    reference = Looker(
        name="reference", session=eager_session(networks.reference), point=networks.reference_point,
        digest=networks.reference_digest,
    )  # fmt: skip
    return gazed(
        run, material, reference, own_fp32, shipped, networks.shipped, GazePlan.within(mmacs[0] + 2 * mmacs[1]),
        outcome.images, outcome.targets, outcome.units, outcome.notes,
    )  # fmt: skip


def pictured(seen: GazeOutcome, outcome: "TestOutcome", task: Task) -> tuple[GazePicture, ...]:
    """Pick the cases whose maps agree least, in the middle, and most, in this order."""
    first, *_, last = seen.maps.values()
    alike = np.array([rank_correlation(a, b) for a, b in zip(first, last, strict=True)])
    order = np.argsort(alike)[: int((~np.isnan(alike)).sum())]
    places = np.unique(np.linspace(0, len(order) - 1, min(N_PICTURES, len(order))).round().astype(int))
    return tuple(
        GazePicture(
            image=outcome.images[seen.rows[i]], reference_heat=first[i], shipped_heat=last[i],
            lesion=seen.masks[i] if seen.masks[i].any() else None, rank_correlation=float(alike[i]),
            truth=task.classes[int(outcome.targets[seen.rows[i]])],
        )
        for i in order[places].tolist()
    )  # fmt: skip
