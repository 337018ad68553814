"""What every source promises. A third party inherits it:

from tests.contracts.source_contract import SourceContract

class TestMySource(SourceContract):
    @pytest.fixture
    def source(self, tmp_path):
        return "my-source:" + str(make_a_small_one(tmp_path))
"""

import json

import numpy as np
import pytest

from bedside.base.digest import digest_value
from bedside.base.errors import BedsideError
from bedside.data.case import PARTS
from bedside.data.cohort import Cohort
from bedside.data.sources import SOURCES, load_cohort
from bedside.data.units import units_of


class SourceContract:
    """Tests of one source; a subclass gives the fixture `source` (a string) and, if needed, `options`."""

    @pytest.fixture
    def options(self) -> dict[str, str]:
        return {}

    @pytest.fixture
    def cohort(self, source: str, options: dict[str, str]) -> Cohort:
        return load_cohort(source, **options)

    def test_its_name_is_that_of_a_plugin(self, source: str) -> None:
        assert source.partition(":")[0] in SOURCES.names()

    def test_it_gives_a_cohort_with_two_classes(self, cohort: Cohort) -> None:
        assert isinstance(cohort, Cohort)
        assert cohort.task.n_classes >= (1 if cohort.task.kind in ("detection", "multilabel") else 2)
        assert {case.label for case in cohort.cases} <= set(range(cohort.task.n_classes))
        assert cohort.source
        assert cohort.licence

    def test_images_are_uint8_pictures_and_come_out_the_same_twice(self, cohort: Cohort) -> None:
        for case in cohort.cases[:20]:
            image = case.image()
            assert image.dtype == np.uint8
            assert image.ndim == 2 or image.shape[2] == 3
            np.testing.assert_array_equal(image, case.image())

    def test_loading_twice_gives_one_digest(self, cohort: Cohort, source: str, options: dict[str, str]) -> None:
        assert load_cohort(source, **options).digest() == cohort.digest()

    def test_parts_are_known_and_patients_are_in_one_of_them(self, cohort: Cohort) -> None:
        parts: dict[str, set[str]] = {}
        for case, unit in zip(cohort.cases, units_of(cohort.cases), strict=True):
            if case.part is not None:
                assert case.part in PARTS
                parts.setdefault(unit, set()).add(case.part)
        assert all(len(found) == 1 for found in parts.values())

    def test_quarantined_files_have_a_reason_and_are_no_cases(self, cohort: Cohort) -> None:
        names = {case.case_id for case in cohort.cases}
        for name, reason in cohort.quarantined.items():
            assert reason
            assert name not in names

    def test_nothing_of_it_is_unfit_for_json(self, cohort: Cohort) -> None:
        facts = [cohort.name, cohort.source, cohort.licence, cohort.modality, cohort.counts(), dict(cohort.quarantined)]
        assert json.loads(json.dumps(facts)) == facts
        assert digest_value(cohort.task)

    def test_a_place_that_is_not_there_is_a_named_error(self, source: str, options: dict[str, str]) -> None:
        with pytest.raises(BedsideError) as caught:
            load_cohort(source.partition(":")[0] + ":no-such-place", **options)
        assert caught.value.expected
        assert caught.value.hint
