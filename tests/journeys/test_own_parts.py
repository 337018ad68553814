"""A bundle's own cohort is split as it was when the bundle was made; a changed one is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bedside.base.errors import InputError
from bedside.bundle.opening import open_bundle
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.serve.own_parts import FRESH, parts_for

pytestmark = pytest.mark.workshop


def test_its_own_cohort_is_split_by_its_own_seed(phantom_bundle: Path) -> None:
    bundle = open_bundle(phantom_bundle)
    source = json.loads(bundle.text("evidence/lineage.json"))
    cohort = load_cohort("phantom:ultrasound", **OPTIONS)
    parts = parts_for([bundle, bundle], cohort, seed=99)
    assert parts.note == ""
    assert parts.cohort.digest() == bundle.manifest.cohort_digest
    assert parts.split.digest() == split_by_patient(parts.cohort, seed=source["seed"]).digest()


def test_its_own_cohort_with_a_case_less_is_refused(phantom_bundle: Path) -> None:
    cohort = load_cohort("phantom:ultrasound", **OPTIONS)
    with pytest.raises(InputError, match="own cohort"):
        parts_for([open_bundle(phantom_bundle)], replace(cohort, cases=cohort.cases[1:]), seed=0)


def test_another_cohort_must_be_new_to_it(phantom_bundle: Path) -> None:
    cohort = replace(load_cohort("phantom:ultrasound", n="60"), name="elsewhere")
    parts = parts_for([open_bundle(phantom_bundle)], cohort, seed=7)
    assert parts.note == FRESH
    assert parts.split.digest() == split_by_patient(cohort, seed=7).digest()


OPTIONS: dict[str, str] = {}
"""Those of the phantom that the bundle was made from: none."""
