"""The rows of ``python -m benchmarks.explain``; intervals are 95 % by near-duplicate group, means over seeds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.ledger import Figure, record

COMMAND = "python -m benchmarks.explain"
SEEDS = (0, 1, 2)
TITLE = "gaze, breast ultrasound 96 px, benign or malignant"
SMALL = ("gaze, breast ultrasound 48 px, residual reference from scratch, benign or malignant", f"{COMMAND} --small")


def row(head: tuple[str, str], figure: str, found: list[dict[str, Any]], target: str = "none, for comparison",
        met: Callable[[dict[str, Any]], bool] = lambda estimate: True) -> None:  # fmt: skip
    """Write the mean of the seeds with their mean interval; a target is met if every seed meets it."""
    known = [estimate for estimate in found if isinstance(estimate["value"], float)]
    value, low, high = (float(np.mean([estimate[key] for estimate in known])) for key in ("value", "low", "high"))
    record(
        "evidence",
        Figure(figure=f"{head[0]}: {figure}", value=value, low=low, high=high, target=target,
               met=all(met(estimate) for estimate in known), command=head[1], seeds=SEEDS[: len(found)]),
    )  # fmt: skip


def summarize(cells: list[dict[str, Any]], *, small: bool = False) -> None:
    """Write the rows."""
    head = SMALL if small else (TITLE, COMMAND)
    names = list(cells[0]["auroc"])
    for n, name in enumerate(names):
        aurocs = [cell["auroc"][name] for cell in cells]
        row(head, f"AUROC, {name}, mean and range of seeds",
            [{"value": a, "low": min(aurocs), "high": max(aurocs)} for a in aurocs])  # fmt: skip
        for which, words in (("occlusion", "125 lesions"), ("malignant", "40 malignant lesions")):
            row(head, f"pointing-game hit rate, {name}, {words}", [cell[which]["gazes"][n]["hit"] for cell in cells])
        row(head, f"heat in the lesion, {name}", [cell["occlusion"]["gazes"][n]["energy"] for cell in cells])
        for area in ("deletion", "deletion_unrelated", "insertion", "insertion_unrelated"):
            words = area.replace("_unrelated", " by another case's map")
            row(
                head,
                f"area under {words}, {name}, 25 lesions",
                [cell["occlusion"]["faithfulness"][name][area] for cell in cells],
            )
    row(head, "hit rate of the middle of the image", [cell["occlusion"]["blind_hit"] for cell in cells])
    row(head, "heat in the lesion of an even map", [cell["occlusion"]["even_energy"] for cell in cells])
    for n, name in enumerate(names[:-1]):
        changes = [cell["occlusion"]["changes"][n] for cell in cells]
        row(head, f"hit rate of small int8 less that of {name}", [change["hit_difference"] for change in changes],
            "whole interval within +-0.1", lambda e: e["low"] > -0.1 and e["high"] < 0.1)  # fmt: skip
        row(head, f"rank correlation of maps, small int8 with {name}",
            [c["agreement"]["rank_correlation"] for c in changes], "whole interval >= 0.7",
            lambda e: e["low"] >= 0.7)  # fmt: skip
        overlaps = [change["agreement"]["top_iou"] for change in changes]
        row(head, f"overlap of the hottest tenth, small int8 with {name}", overlaps)
        row(head, f"rank correlation with another case's map, small int8 with {name}",
            [c["agreement"]["unrelated"] for c in changes])  # fmt: skip
    if "rise" in cells[0]:
        summarize_costly(cells, head)


def summarize_costly(cells: list[dict[str, Any]], head: tuple[str, str]) -> None:
    """Write the rows of RISE, gradients and randomised weights."""
    row(head, "rank correlation of RISE maps, small int8 with small fp32",
        [cell["rise"]["changes"][0]["agreement"]["rank_correlation"] for cell in cells],
        "whole interval >= 0.7", lambda e: e["low"] >= 0.7)  # fmt: skip
    row(head, "rank correlation of RISE and occlusion, small int8",
        [cell["rise against occlusion"]["rank_correlation"] for cell in cells])  # fmt: skip
    for name in cells[0]["sanity"]:
        row(head, f"rank correlation after randomising every layer, {name}, reference",
            [cell["sanity"][name]["steps"][-1]["similarity"] for cell in cells],
            "whole interval < 0.5", lambda e: e["high"] < 0.5)  # fmt: skip
        row(
            head,
            f"pointing-game hit rate, reference, {name}, 25 lesions",
            [cell["float"][name]["hit"] for cell in cells],
        )
    row(head, "rank correlation of grad-cam++ with the ward's occlusion, reference",
        [cell["grad-cam++ against occlusion"]["rank_correlation"] for cell in cells])  # fmt: skip
