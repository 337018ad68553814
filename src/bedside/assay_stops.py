"""One try of the autopilot: the int8 file of a fix is made, and judged in its own runtime on tuning data."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import FloatArray
from bedside.base.budget import unit_of
from bedside.base.digest import Digest, digest_array
from bedside.base.errors import BedsideError
from bedside.base.stamp import versions_of
from bedside.cohort_stops import Material
from bedside.compress.autopilot import PLAIN, Fix
from bedside.compress.compressing import CompressedModel
from bedside.file_stops import locked, paritied
from bedside.fitting_stops import trained_rounding
from bedside.int8_files import Int8Files, Subject
from bedside.running import WORKSHOP, Run
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import logits, open_session
from bedside.verify.int8_tries import Int8Try
from bedside.verify.judge import Answer, judge_of
from bedside.verify.parity import ParityReport, edge_images
from bedside.verify.profiling import time_session

if TYPE_CHECKING:
    from torch import nn

MARGIN = 0.005
"""Largest loss of the tuning score, as a point estimate, that int8 may cost against the network's own fp32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A try as the journal keeps it; without files where none could be made."""

    row: Int8Try
    files: tuple[Artifact, ...] = ()
    parity: ParityReport | None = None
    model: CompressedModel | None = None

    @property
    def passed(self) -> bool:
        """Whether the file may ship."""
        return self.row.passed

    @property
    def loss(self) -> tuple[float, ...]:
        """Flips and lost score together, then the largest change of a probability."""
        if self.parity is None or self.row.difference is None:
            return (float("inf"),)
        end = self.parity.end_to_end
        return (end.flips_frac + max(0.0, -self.row.difference.value), end.max_change_prob)


class Assay:
    """Makes the file of a fix and judges it; what was judged before comes from the journal."""

    def __init__(self, run: Run, material: Material, subject: Subject) -> None:
        self.run, self.material, self.subject = run, material, subject
        self.maker = Int8Files(run=run, material=material, subject=subject)
        self.is_watchful = bool(material.observation_pair)
        self.margin = MARGIN if self.is_watchful else run.settings.margin
        self.fp32_outputs = logits(open_session(subject.files[0], subject.folder), material.tuning_inputs())
        answer = self._answer(self.fp32_outputs)
        self.fp32_score = self._tuning(answer, answer)[0]
        self.fp32_latency_ms = self._latency_ms(subject.files[0], subject.folder)
        self.n_tried = 0

    def inputs(self, fix: Fix) -> list[object]:
        """Everything that a try depends on."""
        subject, material = self.subject, self.material
        pair = [digest_array(images) for images in material.observation_pair or ()]
        return [subject.model.digest, subject.files[-1], fix, material.digest, pair, subject.budget, MARGIN,
                self.run.settings.margin, self.run.settings.target_sensitivity, versions_of(WORKSHOP)]  # fmt: skip

    def place(self, fix: Fix) -> Path:
        """Folder of its files."""
        return self.run.journal.place("int8", self.inputs(fix))

    def __call__(self, fix: Fix) -> Tested:
        """Try a fix, or find it in the journal."""
        self.n_tried += 1
        self.run.watch.tick(self.n_tried, self.n_tried + 1, f"int8: {fix.name}")
        return self.run.journal.stop("int8", Tested, self.inputs(fix), lambda: self._tested(fix))

    def _tested(self, fix: Fix) -> Tested:
        begun, subject = monotonic(), self.subject
        if fix == PLAIN:
            return self._judged(fix, subject.files, subject.folder, subject.network, subject.model.digest, None, begun)
        folder = self.place(fix)
        try:
            network, model = subject.network, None
            if fix.kind == "qat":
                network, model = trained_rounding(self.run, self.material, subject.network, subject.recipe, folder)
            files = self.maker(fix, network, self.material.observed, folder, with_fp32=model is not None)
        except Exception as error:  # converters raise whatever they like at a width that they lack
            reason = error.message if isinstance(error, BedsideError) else f"{type(error).__name__}: {error}"
            return Tested(row=Int8Try(fix=fix.name, layers=fix.layers, seconds=monotonic() - begun,
                                      why=f"no file: {reason.splitlines()[0][:160]}"))  # fmt: skip
        digest = model.digest if model else subject.model.digest
        return self._judged(fix, files, folder, network, digest, model, begun)

    def _judged(
        self, fix: Fix, files: tuple[Artifact, ...], folder: Path, network: "nn.Module", digest: Digest,
        model: CompressedModel | None, begun: float,
    ) -> Tested:  # fmt: skip
        int8 = files[-1]
        outputs = logits(open_session(int8, folder), self.material.tuning_inputs())
        score, difference = self._tuning(self._answer(outputs), self._answer(self.fp32_outputs))
        parity = paritied(self.run, self.material, network, digest, files, folder)
        latency_ms = self._latency_ms(int8, folder)
        why = self._refusal(fix, parity, difference.value, int8, latency_ms)
        agreement = None
        if not why and self.material.observation_pair:
            report = self._agreement(fix, network, int8, folder)
            agreement = report.end_to_end.flips_frac
            why = "" if report.passed else f"two observation sets disagree: {report.end_to_end.broken_by}"
        row = Int8Try(
            fix=fix.name, layers=fix.layers, tuning_score=score, difference=difference,
            flips_frac=parity.end_to_end.flips_frac, agreement_flips_frac=agreement, size_kib=int8.size_kib,
            latency_p50_ms=latency_ms, seconds=round(monotonic() - begun, 2), why=why,
        )  # fmt: skip
        return Tested(row=row, files=files, parity=parity, model=model)

    def _refusal(self, fix: Fix, parity: ParityReport, difference: float, int8: Artifact, latency_ms: float) -> str:
        if not parity.passed:
            stage = next(s for s in (*parity.stages, parity.end_to_end) if not s.passed)
            return f"parity broken at {stage.stage}: {stage.broken_by}"
        metric = judge_of(self.material.task).metric
        if not difference >= -self.margin:
            return f"loses {-difference:.4f} of {metric} against its own fp32, more than {self.margin:g}"
        budget = self.subject.budget
        over = {"size_kib": int8.size_kib} | ({"latency_ms": latency_ms} if budget.device == "host" else {})
        for name, value in over.items():
            ceiling = budget.limits().get(name)
            if fix != PLAIN and ceiling is not None and value > ceiling:
                return f"over budget: {value:.4g} {unit_of(name)}"
        return ""

    def _agreement(self, fix: Fix, network: "nn.Module", int8: Artifact, folder: Path) -> ParityReport:
        """Compare the calls of two files that were made from disjoint observation sets."""
        first, second = self.material.observation_pair
        sessions = [open_session(int8, folder)] if first is self.material.observed else []
        for number, observed in enumerate((first, second)[len(sessions) :]):
            place = self.place(fix) / f"other-{number}"
            (_, other) = self.maker(fix, network, observed, place)
            sessions.append(open_session(other, place))
        material = self.material
        chain = [(f"set {letter} int8", session) for letter, session in zip("AB", sessions, strict=True)]
        edges = material.preprocess.normalize(edge_images(material.preprocess.spec.shape))
        point = locked(self.run, material, self.fp32_outputs)
        return judge_of(material.task).parity(chain, material.tuning_inputs(), edges, point)

    def _answer(self, outputs: FloatArray) -> Answer:
        return Answer(outputs=outputs, point=locked(self.run, self.material, outputs))

    def _tuning(self, shipped: Answer, reference: Answer):
        score, judged = judge_of(self.material.task).tuning(
            self.material.tuning_truth, shipped=shipped, reference=reference, margin=self.run.settings.margin,
            seed=self.run.settings.seed,
        )  # fmt: skip
        return score, judged.difference

    def _latency_ms(self, artifact: Artifact, folder: Path) -> float:
        session = open_session(artifact, folder)
        return float(np.median(time_session(session, self.material.tuning_inputs()[0])))
