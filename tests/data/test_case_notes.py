"""What is kept of the test cases: attributes of all, masks of a few."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.data.case import Case
from bedside.data.case_notes import N_LESIONS, CaseNotes, note_cases, notes_from
from bedside.data.preprocess import Preprocess

PREPROCESS = Preprocess(n_channels=1, height_px=8, width_px=8)


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    """Six cases: a lesion, an empty mask, none; twice, the second time with a broken mask file."""
    made = []
    for i in range(6):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4, 2:4] = 255 if i % 3 == 0 else 0
        path = tmp_path / f"{i}.png"
        Image.fromarray(mask).save(path)
        if i == 4:
            path.write_bytes(b"no picture")
        known = {"mask_path": path} if i % 3 < 2 else {}
        made.append(
            Case(
                case_id=str(i),
                label=i % 2,
                pixels=np.zeros((8, 8), np.uint8),
                attributes=(("sex", "fm"[i % 2]),),
                **known,
            )
        )
    return made


def test_lesions_are_kept_with_their_rows_and_come_back(cases: list[Case]) -> None:
    found = note_cases(cases, PREPROCESS, seed=0)
    assert found.lesion_rows.tolist() == [0, 3]
    assert found.lesion_masks.sum(axis=(1, 2)).tolist() == [4, 4]
    arrays = {"images": np.zeros(1), **found.arrays()}
    again = notes_from(arrays)
    assert list(arrays) == ["images"], "they are taken out"
    assert again.attributes == found.attributes == tuple(case.attributes for case in cases)
    np.testing.assert_array_equal(again.lesion_masks, found.lesion_masks)


def test_no_attributes_and_no_masks_are_nothing() -> None:
    bare = [Case(case_id=str(i), label=0, pixels=np.zeros((8, 8), np.uint8)) for i in range(3)]
    found = note_cases(bare, PREPROCESS, seed=0)
    assert found.attributes == ()
    assert len(found.lesion_rows) == 0
    assert notes_from(found.arrays()).attributes == ()
    assert notes_from({}).attributes == CaseNotes().attributes, "an older run has none"


def test_masks_are_not_read_where_they_are_no_lesions_or_cannot_follow(cases: list[Case]) -> None:
    assert len(note_cases(cases, PREPROCESS, seed=0, with_lesions=False).lesion_rows) == 0
    found = note_cases(cases, replace(PREPROCESS, fit="foreground"), seed=0)
    assert len(found.lesion_rows) == 0
    assert found.attributes


def test_there_is_a_ceiling(cases: list[Case]) -> None:
    many = [replace(cases[0], case_id=str(i)) for i in range(2 * N_LESIONS)]
    assert len(note_cases(many, PREPROCESS, seed=0).lesion_rows) == N_LESIONS
