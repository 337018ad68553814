"""``clips:DIR`` in both layouts, its refusals, and what it puts aside."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.contracts.source_contract import SourceContract

from bedside.base.errors import CohortError
from bedside.data.folds import k_folds
from bedside.data.sources import load_cohort
from bedside.data.stacking import suit_preprocess

LUNG = Path(os.environ.get("BEDSIDE_DATA", "../shared/data")) / "us_lung_pocus"


def table(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def frame_folder(tmp_path: Path) -> Path:
    """Six clips of three frames, one file a frame, rows out of order."""
    (tmp_path / "frames").mkdir()
    rows, clips = [], []
    for c in range(6):
        clips.append(f"c{c},{'ill' if c % 2 else 'healthy'},p{c // 2},convex")
        for t in (2, 0, 1):
            name = f"frames/c{c}_{t}.png"
            Image.fromarray(np.full((20, 30), 10 * t + c, np.uint8)).save(tmp_path / name)
            rows.append(f"{name},c{c},{t}")
    table(tmp_path / "clips.csv", "clip_id,label,patient_id,probe", *clips)
    table(tmp_path / "metadata.csv", "file,clip_id,frame_index", *rows)
    return tmp_path


class TestFrames(SourceContract):
    @pytest.fixture
    def source(self, frame_folder: Path) -> str:
        return f"clips:{frame_folder}"


def test_frames_come_in_the_order_of_time(frame_folder: Path) -> None:
    cohort = load_cohort(f"clips:{frame_folder}")
    preprocess = suit_preprocess(cohort, image_px=64, n_frames=3)
    assert cohort.cases[1].placed(preprocess)[:, 0, 15, 15].tolist() == [1, 11, 21]
    assert cohort.cases[1].attribute("probe") == "convex"
    assert cohort.task.positive_name == "ill"


def test_a_clip_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for c in range(4):
        frames = [Image.fromarray(rng.integers(0, 255, (24, 24), dtype=np.uint8)) for _ in range(5)]
        frames[0].save(tmp_path / f"{c}.gif", save_all=True, append_images=frames[1:])
    rows = [f"c{c},{'ab'[c % 2]},{c}.gif" for c in range(4)]
    table(tmp_path / "clips.csv", "clip_id,label,file", *rows)
    cohort = load_cohort(f"clips:{tmp_path}")
    assert suit_preprocess(cohort, image_px=64).spec.shape == (8, 1, 24, 24)
    assert all(case.is_clip for case in cohort.cases)


def test_bad_clips_are_put_aside_with_the_reason(frame_folder: Path) -> None:
    (frame_folder / "frames/c4_1.png").unlink()
    (frame_folder / "frames/c5_0.png").write_bytes(b"")
    with (frame_folder / "clips.csv").open("a") as sheet:
        sheet.write("c9,ill,p9,convex\n")
    cohort = load_cohort(f"clips:{frame_folder}")
    assert [case.case_id for case in cohort.cases] == ["c0", "c1", "c2", "c3"]
    assert set(cohort.quarantined) == {"c4", "c5", "c9"}
    assert "not there" in cohort.quarantined["c4"]
    assert "0 bytes" in cohort.quarantined["c5"]
    assert "empty" in cohort.quarantined["c9"]


@pytest.mark.parametrize("lost", ["clips.csv", "metadata.csv"])
def test_another_layout_is_refused_by_name(frame_folder: Path, lost: str) -> None:
    (frame_folder / lost).unlink()
    with pytest.raises(CohortError, match="not laid out") as caught:
        load_cohort(f"clips:{frame_folder}")
    assert "clips.csv" in str(caught.value.expected)


def test_a_clip_named_twice_and_one_without_a_label_are_refused(frame_folder: Path) -> None:
    rows = (frame_folder / "clips.csv").read_text()
    (frame_folder / "clips.csv").write_text(rows + "c0,ill,p0,convex\n")
    with pytest.raises(CohortError, match="again"):
        load_cohort(f"clips:{frame_folder}")
    (frame_folder / "clips.csv").write_text(rows + "c7,,p0,convex\n")
    with pytest.raises(CohortError, match="no label"):
        load_cohort(f"clips:{frame_folder}")


def test_real_clips_fold_by_patient() -> None:
    if not LUNG.is_dir():
        pytest.skip(f"{LUNG} is not here")
    cohort = load_cohort(f"clips:{LUNG}")
    assert len(cohort.cases) == 155
    assert not cohort.quarantined
    assert len({case.patient_id for case in cohort.cases}) == 105
    merged = load_cohort(f"clips:{LUNG}", merge="bacterial_pneumonia+viral_pneumonia", stills="drop")
    assert merged.task.n_classes == 3
    assert len(merged.cases) + len(merged.quarantined) == 155
    for fold in k_folds(cohort.cases, k=5, seed=0):
        assert not {c.patient_id for c in fold.fit} & {c.patient_id for c in fold.held_out}
