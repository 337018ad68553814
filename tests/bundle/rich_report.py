"""A synthetic report with everything that a run may find beyond the main comparison."""

from dataclasses import replace

import numpy as np

from bedside.base.arrays import FloatArray, IntArray
from bedside.bundle.report_data import GazePicture, ReportData
from bedside.verify.abstention import abstention_evidence, fit_abstention
from bedside.verify.deletion import Faithfulness
from bedside.verify.gaze import judge_gaze
from bedside.verify.heat_agreement import mean_over_cases
from bedside.verify.sanity import check_sanity
from bedside.verify.subgroup_evidence import subgroup_evidence
from bedside.verify.usefulness import usefulness

N_MAPPED = 30


def enriched(data: ReportData, *, with_masks: bool = True, seed: int = 0) -> ReportData:
    """Return the report with sets, referral, subgroups, usefulness and gaze; labels of tuning are those of the test."""
    rng = np.random.default_rng(seed)
    k, n = data.task.positive, len(data.labels)
    units = [f"patient:{i // 2}" for i in range(n)]
    shipped, reference = (_answers(data, p) for p in (data.shipped_probabilities, data.reference_probabilities))
    attributes = [
        (
            ("age", str(20 + int(rng.integers(65)))), ("sex", "fm"[i % 2]),
            ("scanner", "tiny" if i < 9 else ("A <b>", "B")[i % 2]),
        )
        for i in range(n)
    ]  # fmt: skip
    return replace(
        data,
        abstention=abstention_evidence(
            fit_abstention(data.labels, *shipped, units), data.labels, shipped, reference, units
        ),
        subgroups=subgroup_evidence(
            data.task.positive_name, [*attributes[:-1], (*attributes[-1], ("ward", "only one"))], data.labels == k,
            *((p[:, k], calls == k) for p, calls in (shipped, reference)), units,
        ),
        usefulness=usefulness(
            data.task.positive_name, data.labels == k,
            {"shipped": shipped[0][:, k], "reference": reference[0][:, k]}, units,
        ),
        gaze=_gaze(rng, with_masks=with_masks),
        gaze_pictures=_pictures(rng, data),
    )  # fmt: skip


def _answers(data: ReportData, probabilities: FloatArray) -> tuple[FloatArray, IntArray]:
    return probabilities, data.chosen.point.calls(probabilities)


def _gaze(rng: np.random.Generator, *, with_masks: bool):
    spots = rng.random((N_MAPPED, 28, 28))
    maps = {
        "reference": spots + 0.2 * rng.random(spots.shape),
        "litert fp32": spots,
        "litert int8": spots + 0.05 * rng.random(spots.shape),
    }  # fmt: skip
    masks = np.zeros(spots.shape, bool)
    masks[: N_MAPPED // 2, 8:16, 8:16] = with_masks
    units = [f"patient:{i}" for i in range(N_MAPPED)]
    curve = tuple(np.linspace(0.9, 0.2, 21).tolist())
    area = mean_over_cases(rng.random(N_MAPPED).tolist(), units)
    held = Faithfulness(
        deletion=area, insertion=area, deletion_unrelated=area, insertion_unrelated=area,
        share_frac=tuple(np.linspace(0, 1, 21).tolist()), deletion_prob=curve, insertion_prob=curve[::-1],
    )  # fmt: skip
    sanity = check_sanity("occlusion", spots, [("3.body", rng.random(spots.shape)), ("0.0", spots)], units)
    return judge_gaze(
        "occlusion", maps, masks, units, faithfulness=dict.fromkeys(("reference", "litert int8"), held),
        sanity=[sanity], about="30 cases of the opened test, 10 x 10 windows",
    )  # fmt: skip


def _pictures(rng: np.random.Generator, data: ReportData) -> tuple[GazePicture, ...]:
    lesion = np.zeros((28, 28), bool)
    lesion[8:16, 8:16] = True
    return tuple(
        GazePicture(
            image=rng.integers(0, 256, (1, 28, 28)).astype(np.uint8), reference_heat=rng.random((28, 28)),
            shipped_heat=rng.random((28, 28)), lesion=lesion if i % 2 else None, truth=data.task.classes[i % 2],
            rank_correlation=0.2 * i,
        )
        for i in range(4)
    )  # fmt: skip
