"""The audit finds what makes a test score lie."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.base.errors import LeakError
from bedside.base.jsonform import from_json, to_json
from bedside.base.task import Task
from bedside.data.audit import CohortAudit, audit_cohort, usable
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.phantom import Phantom
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient

TASK = Task(classes=("no", "yes"))
PARTS = ("development", "tuning", "test")
PHANTOM = Phantom(size_px=48)


def sound_cases(n: int = 24) -> list[Case]:
    """Different images, eight a part, classes in turn."""
    return [
        Case(case_id=f"c{i:02d}", label=i % 2, part=PARTS[i * 3 // n], pixels=PHANTOM.image(i, has_lesion=bool(i % 2)))
        for i in range(n)
    ]


def cohort(cases: list[Case]) -> Cohort:
    return Cohort(name="made", task=TASK, cases=tuple(cases), source="test:made")


def with_copy(of: int, at: int, change=lambda pixels: pixels) -> Cohort:
    cases = sound_cases()
    cases[at] = replace(cases[at], pixels=change(cases[of].pixels.copy()))
    return cohort(cases)


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * 0.9 + 20, 0, 255).astype(np.uint8)


def resized(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((70, 70), Image.Resampling.BICUBIC))


def with_a_mark(pixels: np.ndarray) -> np.ndarray:
    pixels[:2, :4] = 255
    return pixels


def recompressed(pixels: np.ndarray) -> np.ndarray:
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=70)
    return np.asarray(Image.open(buffer))


def test_a_sound_cohort_passes_untouched() -> None:
    made = cohort(sound_cases())
    got, audit = audit_cohort(made)
    assert got == made
    assert audit.leaks == ()
    assert audit.unreadable == {}
    assert audit.constant == ()
    assert audit.n_cases == 24
    assert audit.counts["test"] == {"no": 4, "yes": 4}


@pytest.mark.parametrize(("of", "at", "parts"), [(0, 9, PARTS[:2]), (3, 20, PARTS[::2]), (10, 23, PARTS[1:])])
def test_an_exact_copy_in_another_part_is_found(of: int, at: int, parts: tuple[str, str]) -> None:
    _, audit = audit_cohort(with_copy(of, at), policy="allow")
    (leak,) = audit.leaks
    assert (leak.kind, leak.first, leak.second, leak.parts) == ("exact", f"c{of:02d}", f"c{at:02d}", parts)


@pytest.mark.parametrize("change", [brighter, resized, with_a_mark, recompressed], ids=lambda change: change.__name__)
def test_a_near_copy_in_another_part_is_found(change) -> None:
    _, audit = audit_cohort(with_copy(3, 20, change), policy="allow")
    (leak,) = audit.leaks
    assert (leak.kind, leak.first, leak.second) == ("near", "c03", "c20")


@pytest.mark.parametrize("kind", ["patient", "group"])
def test_a_patient_or_group_in_two_parts_is_found(kind: str) -> None:
    cases = sound_cases()
    name = {"patient": "patient_id", "group": "group"}[kind]
    for i in (1, 2, 9, 20):
        cases[i] = replace(cases[i], **{name: "x"})
    _, audit = audit_cohort(cohort(cases), policy="allow")
    assert {leak.kind for leak in audit.leaks} == {kind}
    assert {case_id for leak in audit.leaks for case_id in (leak.first, leak.second)} == {"c01", "c02", "c09", "c20"}


def test_a_copy_inside_one_part_is_counted_but_is_no_leak() -> None:
    got, audit = audit_cohort(with_copy(0, 2))
    assert audit.n_copies_within_parts == 1
    assert audit.leaks == ()
    assert len(got.cases) == 24


def test_stop_names_every_leak_and_both_ways_out(refuses) -> None:
    with refuses(LeakError, "exact: c03 (development) and c20 (test)", "--drop-leaks", "--allow-leak"):
        audit_cohort(with_copy(3, 20), policy="stop")


def test_allow_keeps_all_and_drop_removes_the_less_protected() -> None:
    made = with_copy(10, 23)
    kept, audit = audit_cohort(made, policy="allow")
    assert kept == made
    assert audit.dropped == ()
    rest, audit = audit_cohort(made, policy="drop")
    assert audit.dropped == ("c10",)
    assert "c10" not in {case.case_id for case in rest.cases}


def tangle(seed: int) -> Cohort:
    """Many cases, of which half share patients, groups or images with others wherever they stand."""
    rng = np.random.default_rng(seed)
    cases = []
    for i in range(90):
        shown = int(rng.integers(60)) if rng.random() < 0.3 else 100 + i
        cases.append(
            Case(
                case_id=f"c{i:02d}",
                label=i % 2,
                part=PARTS[int(rng.integers(3))],
                patient_id=f"p{rng.integers(25)}" if rng.random() < 0.3 else None,
                group=f"g{rng.integers(25)}" if rng.random() < 0.3 else None,
                pixels=brighter(PHANTOM.image(shown, has_lesion=True))
                if rng.random() < 0.5
                else PHANTOM.image(shown, has_lesion=True),
            )
        )
    return cohort(cases)


@pytest.mark.parametrize("seed", range(5))
def test_after_a_drop_nothing_leaks_and_the_test_is_whole(seed: int) -> None:
    made = tangle(seed)
    rest, audit = audit_cohort(made, policy="drop")
    assert len(audit.leaks) > 10
    again, second = audit_cohort(rest, policy="stop")
    assert second.leaks == ()
    assert again == rest
    whole_test = [case for case in made.cases if case.part == "test"]
    assert [case for case in rest.cases if case.part == "test"] == whole_test


def test_constant_and_unreadable_images_are_left_out_with_the_reason(tmp_path: Path) -> None:
    cases = sound_cases()
    cases[0] = replace(cases[0], pixels=np.full((8, 8), 7, np.uint8))
    (tmp_path / "empty.png").write_bytes(b"")
    cases[9] = replace(cases[9], pixels=None, path=tmp_path / "empty.png")
    cases[20] = replace(cases[20], pixels=None, path=tmp_path / "absent.png")
    ticks = []
    rest, audit = audit_cohort(cohort(cases), tick=lambda done, total: ticks.append((done, total)))
    assert audit.constant == ("c00",)
    assert set(audit.unreadable) == {"c09", "c20"}
    assert "0 bytes" in audit.unreadable["c09"]
    assert {case.case_id for case in rest.cases} == {case.case_id for case in cases} - {"c00", "c09", "c20"}
    assert ticks == [(i, 24) for i in range(1, 25)]


def test_two_constant_images_are_not_called_copies() -> None:
    cases = sound_cases()
    for i in (0, 20):
        cases[i] = replace(cases[i], pixels=np.zeros((8, 8), np.uint8))
    assert audit_cohort(cohort(cases))[1].leaks == ()


@pytest.mark.parametrize("assigned", [(), ("development", "test")], ids=["no parts", "no tuning part"])
def test_copies_that_a_split_could_part_are_tied_together(assigned: tuple[str, ...]) -> None:
    """Sixty images and a near copy of each: no draw may put one of a pair on each side."""
    cases = []
    for i in range(60):
        image, part = PHANTOM.image(i, has_lesion=bool(i % 2)), (assigned[i // 45] if assigned else None)
        cases += [
            Case(case_id=f"c{i:02d}", label=i % 2, part=part, pixels=image),
            Case(case_id=f"d{i:02d}", label=i % 2, part=part, pixels=brighter(image), patient_id=f"p{i}"),
        ]
    tied, audit = audit_cohort(cohort(cases))
    assert len(audit.copies) == (45 if assigned else 60)
    for seed in range(3):
        split = split_by_patient(tied, seed=seed)
        where = {}
        for name, part in (("development", split.development), ("tuning", split.tuning)):
            where |= {case.case_id: name for case in part}
        where |= {case.case_id: "test" for case in split.test.open(reason="test")}
        assert len(where) == 120
        assert [i for i in range(60) if where[f"c{i:02d}"] != where[f"d{i:02d}"]] == []


def test_the_audit_survives_the_journal_and_can_be_applied_again() -> None:
    made = tangle(7)
    rest, audit = audit_cohort(made, policy="drop")
    assert usable(made, from_json(CohortAudit, to_json(audit))) == rest


def test_pneumoniamnist_holds_ten_copies_across_parts_none_of_them_in_the_test(medmnist_here: Path) -> None:
    made = load_cohort("medmnist:pneumoniamnist")
    rest, audit = audit_cohort(made, policy="drop")
    assert len(audit.leaks) == 10
    assert {leak.kind for leak in audit.leaks} == {"exact"}
    assert {leak.parts for leak in audit.leaks} == {("development", "tuning")}
    assert len(rest.cases) == len(made.cases) - 10
    assert sum(case.part == "test" for case in rest.cases) == 624


def test_breastmnist_leaks_into_its_test(medmnist_here: Path, refuses) -> None:
    made = load_cohort("medmnist:breastmnist")
    with refuses(LeakError, "106 leaks", "and 86 more"):
        audit_cohort(made)
    rest, audit = audit_cohort(made, policy="drop")
    assert sum("test" in leak.parts for leak in audit.leaks) > 50
    assert sum(case.part == "test" for case in rest.cases) == 156
