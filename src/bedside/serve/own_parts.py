"""The parts that a bundle was made from, drawn again from its own cohort."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json
from bedside.bundle.opening import Bundle
from bedside.data.audit import CohortAudit, usable
from bedside.data.cohort import Cohort
from bedside.data.split import Split, split_by_patient

FRESH = "the source is not the bundles' own cohort; none of its cases may have been used to make them"


@dataclass(frozen=True, slots=True)
class Parts:
    """The cases that count, their split, and a remark where something has to be taken on trust."""

    cohort: Cohort
    split: Split
    note: str


def parts_for(bundles: Sequence[Bundle], cohort: Cohort, *, seed: int) -> Parts:
    """Split a cohort as the bundles were: by their own audit and seed where it is theirs, else by `seed`.

    Parameters
    ----------
    seed
        Of the split of a cohort that none of the bundles was made from.

    Raises
    ------
    InputError
        If it is the cohort of one of them, but changed, or two of them were made from other parts of it: cases that
        one has learned from must not judge the other.
    """
    own = [bundle for bundle in bundles if bundle.manifest.cohort == cohort.name]
    if not own:
        return Parts(cohort, split_by_patient(cohort, seed=seed), FRESH)
    found = [_as_made(bundle, cohort) for bundle in own]
    if len({parts.split.digest() for parts in found}) > 1:
        raise InputError(
            f"the bundles were made from other parts of {cohort.name}",
            expected="bundles of one cohort, audit and seed",
            hint="make both with the same seed and the same rule for leaks, or name data that neither has seen",
        )  # fmt: skip
    return found[0]


def _as_made(bundle: Bundle, cohort: Cohort) -> Parts:
    if (found := parts_as_made(bundle, cohort)) is not None:
        return found
    raise InputError(
        f"{cohort.source} seems to be the own cohort of {bundle.manifest.name}, changed",
        expected="its cohort as it was, or data that it has never seen", hint="name other data",
    )  # fmt: skip


def parts_as_made(bundle: Bundle, cohort: Cohort) -> Parts | None:
    """The cases and the split that a bundle was made from, by its own audit and seed; None of a cohort that changed."""
    audit = from_json(CohortAudit, bundle.text("evidence/audit.json").encode(), where="evidence/audit.json")
    used = usable(cohort, audit)
    if used.digest() != bundle.manifest.cohort_digest:
        return None
    made_with = json.loads(bundle.text("evidence/lineage.json"))["seed"]
    return Parts(used, split_by_patient(used, seed=made_with), "")
