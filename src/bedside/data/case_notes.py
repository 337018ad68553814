"""What must be kept of the test cases beyond pixels and labels: attributes, and a few lesion masks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bedside.base.arrays import BoolArray, IntArray
from bedside.base.errors import ImageError, ShapeError
from bedside.data.case import Case
from bedside.data.masks import stack_masks
from bedside.data.preprocess import Preprocess

N_LESIONS = 60
"""Lesion masks that are kept, at most."""

_TRIES_PER_LESION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNotes:
    """Of the opened test, in its order.

    Parameters
    ----------
    attributes
        Pairs of column and value of each case; empty where none are known.
    lesion_rows, lesion_masks
        Rows that have a lesion mask, ``(m,)``, and the masks in the model's frame, ``(m, H, W)``; m is `N_LESIONS` at
        most. None of them where nobody drew one, or where the preprocessing moves pixels in a way masks cannot follow.
    """

    attributes: tuple[tuple[tuple[str, str], ...], ...] = ()
    lesion_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    lesion_masks: BoolArray = field(default_factory=lambda: np.zeros((0, 1, 1), bool), repr=False)

    def arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays that ``numpy.savez`` takes without pickling."""
        texts = [json.dumps([list(pair) for pair in pairs]) for pairs in self.attributes]
        return {
            "attributes": np.array(texts or [""], np.str_), "lesion_rows": self.lesion_rows,
            "lesion_masks": self.lesion_masks,
        }  # fmt: skip


def notes_from(arrays: dict[str, np.ndarray]) -> CaseNotes:
    """Read them back; takes its own arrays out of `arrays`, and finds nothing in those of older runs."""
    texts = [str(text) for text in arrays.pop("attributes", np.array([""]))]
    rows, masks = arrays.pop("lesion_rows", None), arrays.pop("lesion_masks", None)
    pairs = tuple(tuple((str(c), str(v)) for c, v in json.loads(text)) for text in texts if text)
    return CaseNotes(attributes=pairs) if rows is None or masks is None else CaseNotes(
        attributes=pairs, lesion_rows=rows, lesion_masks=masks
    )  # fmt: skip


def note_cases(cases: Sequence[Case], preprocess: Preprocess, *, seed: int, with_lesions: bool = True) -> CaseNotes:
    """Note the attributes of all cases, and the masks of some that have a lesion, drawn by `seed`.

    Without `with_lesions` no mask is read: where a mask is the task's own answer, or the case is no image.
    """
    attributes = tuple(case.attributes for case in cases)
    held = attributes if any(attributes) else ()
    if not with_lesions:
        return CaseNotes(attributes=held)
    rows: list[int] = []
    drawn = np.random.default_rng(seed).permutation([i for i, case in enumerate(cases) if case.mask_path is not None])
    for row in drawn[: _TRIES_PER_LESION * N_LESIONS].astype(int).tolist():
        if len(rows) < N_LESIONS and _has_lesion(cases[row]):
            rows.append(row)
    rows.sort()
    try:
        masks = stack_masks([cases[row] for row in rows], preprocess)
    except ShapeError:
        return CaseNotes(attributes=held)
    return CaseNotes(attributes=held, lesion_rows=np.array(rows, np.int64), lesion_masks=masks)


def _has_lesion(case: Case) -> bool:
    try:
        mask = case.mask()
    except ImageError:
        return False
    return mask is not None and bool(mask.any())
