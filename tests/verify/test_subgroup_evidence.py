"""Every attribute becomes a table or is named with the reason why not."""

import math

import numpy as np
import pytest

from bedside.base.errors import InputError
from bedside.verify.subgroup_evidence import MAX_GROUPS, SubgroupEvidence, subgroup_evidence

N = 240


def attributes(**columns: list[str]) -> list[tuple[tuple[str, str], ...]]:
    return [tuple((name, values[i]) for name, values in columns.items() if values[i]) for i in range(N)]


def judged(held: list[tuple[tuple[str, str], ...]], *, bad_sex: str = "m") -> SubgroupEvidence | None:
    """A model that tells nothing for one sex."""
    rng = np.random.default_rng(0)
    positive = rng.random(N) < 0.4
    sex = np.array([dict(pairs).get("sex", "") for pairs in held])
    signal = np.where(sex == bad_sex, 0.0, 3.0)
    probability = 1 / (1 + np.exp(-(signal * (positive - 0.5) + rng.normal(size=N))))
    answer = (probability, probability >= 0.5)
    return subgroup_evidence("ill", held, positive, answer, answer)


def test_the_worst_group_and_its_gap_are_found() -> None:
    found = judged(attributes(sex=["f", "m"] * (N // 2), age=[str(20 + i % 60) for i in range(N)]))
    assert found is not None
    age, sex = found.columns
    assert (age.column, sex.column) == ("age", "sex")
    assert [g.name for g in age.shipped.groups] == ["18-39", "40-64", "65+"]
    assert sex.shipped.worst["auroc"] == "m"
    assert sex.shipped.largest_gap["auroc"].low > 0
    assert sex.reference == sex.shipped


def test_without_attributes_there_is_nothing() -> None:
    assert judged([()] * N) is None


def test_columns_that_group_nothing_are_named_with_the_reason() -> None:
    serial = [f"scan {i}" for i in range(N)]
    links = ["https://a.org/by", "https://a.org/by-nc"] * (N // 2)
    rare = ["a"] * 5 + ["b"] * 4 + [""] * (N - 9)
    found = judged(attributes(serial=serial, site=["north"] * N, rare=rare, link=links))
    assert found is not None
    assert found.columns == ()
    assert "240 different values" in found.left_out["serial"]
    assert found.left_out["site"] == "one value only"
    assert "10 patients" in found.left_out["rare"]
    assert found.left_out["link"] == "links are no groups"
    assert MAX_GROUPS < N


def test_an_empty_group_has_no_row_and_a_small_one_has_no_figures() -> None:
    values = ["x"] * (N - 20) + ["tiny"] * 6 + [""] * 14
    found = judged(attributes(sex=["f", "m"] * (N // 2), ward=values))
    assert found is not None
    (ward,) = [pair.shipped for pair in found.columns if pair.column == "ward"]
    assert [(g.name, g.n_cases, bool(g.note)) for g in ward.groups] == [
        ("tiny", 6, True), ("x", N - 20, False), ("not known", 14, False),
    ]  # fmt: skip
    assert all(math.isnan(e.value) and (e.low, e.high) == (0, 1) for e in ward.groups[0].metrics.values())
    assert "tiny" not in ward.worst.values()


def test_scores_that_are_no_probabilities_are_refused() -> None:
    held = attributes(sex=["f", "m"] * (N // 2))
    answer = (np.full(N, 1.5), np.ones(N, bool))
    with pytest.raises(InputError):
        subgroup_evidence("ill", held, np.arange(N) % 3 == 0, answer, answer)
