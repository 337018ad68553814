"""The autopilot's stop: an int8 file that is refused is mended, try by try, each journalled."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.assay_stops import Assay, Tested
from bedside.base.digest import digest_array
from bedside.base.errors import TraceError
from bedside.base.jsonform import to_plain
from bedside.cohort_stops import Material
from bedside.compress.autopilot import PLAIN, Diagnosis, Fix, climb
from bedside.compress.damage import DamageTable, bench_of, measure_damage, predicted
from bedside.file_stops import locked
from bedside.int8_files import Subject
from bedside.running import Run
from bedside.runtime.session import logits, open_session
from bedside.verify.int8_tries import AutopilotReport, CulpritLayer
from bedside.verify.judge import judge_of

N_CULPRITS_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What the autopilot came to: the report, and the try that passed (None if none did) with its folder.

    `tested.model` is there where the network itself was trained anew.
    """

    report: AutopilotReport
    tested: Tested | None
    folder: Path
    model_folder: Path | None = None


def mended(run: Run, material: Material, subject: Subject) -> Mended:
    """Judge the plain int8 file, and where it is refused try fixes in order of cost; part of stop 7.

    A file passes if parity holds (flips), it loses at most `MARGIN` of the tuning score against its own fp32 file, it
    is within the budget, and a file with the ranges of a disjoint observation set calls alike. Phantoms and the quick
    preset, which have no such set, are judged by parity and by the margin of the run alone, and nothing is trained.
    """
    bench = Assay(run, material, subject)
    may_train = subject.may_train and bool(material.observation_pair)
    found = climb(bench, lambda: _diagnosis(run, material, subject), may_train=may_train)
    chosen = found.chosen
    tested = bench(chosen) if chosen else None
    report = AutopilotReport(
        model=subject.name, format=subject.format, metric=judge_of(material.task).metric, margin=bench.margin,
        fp32_score=bench.fp32_score, fp32_size_kib=subject.files[0].size_kib,
        fp32_latency_p50_ms=bench.fp32_latency_ms,
        n_observed=tuple(len(images) for images in material.observation_pair or (material.observed, ())),  # type: ignore[arg-type]
        tries=tuple(bench(fix).row for fix in found.tried), **_culprits(found.damage),
        chosen=chosen.name if chosen else "",
        plan=to_plain(bench.maker.plan(chosen)) if chosen else {},
    )  # fmt: skip
    run.watch.note(str(report))
    folder = bench.place(chosen) if chosen and chosen != PLAIN else subject.folder
    model_folder = folder if tested and tested.model else None
    return Mended(report=report, tested=tested, folder=folder, model_folder=model_folder)


def _diagnosis(run: Run, material: Material, subject: Subject) -> Diagnosis | None:
    """Layer damage on observation images; None for a network that cannot be simulated as a whole, such as a clip's."""
    spec, task = material.preprocess.spec, material.task
    if spec.n_frames is not None:
        return None
    point = locked(run, material, logits(open_session(subject.files[0], subject.folder), material.tuning_inputs()))
    try:
        bench = bench_of(
            subject.network,
            spec,
            material.observed,
            judged=material.damage_images,
            calls=lambda out: point.calls(point.probabilities(out)),
        )
    except TraceError:
        return None
    if task.picks_one and len(material.damage_targets) == len(material.damage_images):
        monitor, targets = judge_of(task).monitor(task), material.damage_targets[bench.rows]
        bench = replace(bench, score=lambda outputs: monitor(targets, outputs))
    plan = PLAIN.plan(len(material.observed), digest_array(material.observed))

    def foresee(fix: Fix) -> float:
        return predicted(bench, replace(fix, ranges="min_max").plan(plan.n_observed, plan.observation)).sqnr_db

    return Diagnosis(damage=measure_damage(bench, plan), foresee=foresee)


def _culprits(damage: DamageTable | None) -> dict[str, Any]:
    if damage is None:
        return {}
    rows = tuple(
        CulpritLayer(
            layer=row.layer, alone_sqnr_db=row.alone.sqnr_db, without_sqnr_db=row.without.sqnr_db,
            flips_frac=row.alone.flips_frac, score_change=row.alone.score_change,
        )
        for row in damage.rows[:N_CULPRITS_SHOWN]
    )  # fmt: skip
    return {"culprits": rows, "whole_sqnr_db": damage.whole.sqnr_db, "n_layers": len(damage.rows)}
