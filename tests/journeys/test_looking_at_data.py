"""``bedside data``: what a person sees before anything is trained."""

import base64
import re
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bedside.data.sources import load_cohort
from bedside.data.survey import survey_cohort


def test_a_cohort_is_inspected_in_the_terminal_and_on_a_page(cli, tmp_path: Path) -> None:
    rows = ["file,label,split,patient_id"]
    for i in range(24):
        pixels = np.random.default_rng(i if i < 23 else 0).integers(0, 255, (20, 30), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{'<ill>' if i % 2 else 'normal'},{('train', 'val', 'test')[i // 8]},p{i // 2}")
    (tmp_path / "3.png").write_bytes(b"broken")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    done = cli("data", "inspect", f"folder:{tmp_path}", "--html", tmp_path / "look.html")
    assert done.returncode == 0, done.stderr
    for words in ("20 x 30 (23)", "1 leaks between parts", "0.png (development) and 23.png (test)", "3.png"):
        assert words in done.stdout
    said = " ".join(done.stdout.split())
    assert "few cases of a class" in said
    assert "known to 40-100 % if all goes well" in said, "4 patients of a class in the test part"
    page = (tmp_path / "look.html").read_text()
    assert "few cases of a class" in page
    assert "&lt;ill&gt;" in page
    assert "<ill>" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page), "the page needs nothing else"
    picture = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert picture
    with Image.open(BytesIO(base64.b64decode(picture[1]))) as montage:
        assert montage.size[0] > 700


def test_the_sources_are_listed(cli) -> None:
    done = cli("data", "list")
    assert done.returncode == 0, done.stderr
    for name in ("phantom:ultrasound", "dicom:DIR", "medmnist:chestmnist", "chexpert:DIR"):
        assert name in done.stdout


def test_bad_words_are_refused(cli) -> None:
    done = cli("data", "inspect", "phantom:ultrasound", "--option", "n")
    assert done.returncode == 10
    assert "KEY=VALUE" in done.stderr


def test_clips_in_files_are_looked_at_by_their_middle_frame(tmp_path: Path) -> None:
    rows = ["clip_id,label,file,split"]
    for i in range(6):
        np.save(tmp_path / f"{i}.npy", np.random.default_rng(i).integers(0, 255, (5, 20, 30), np.uint8))
        rows.append(f"c{i},{'ab'[i % 2]},{i}.npy,{'train' if i < 4 else 'val' if i == 4 else 'test'}")
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    survey, _ = survey_cohort(load_cohort(f"clips:{tmp_path}"))
    assert survey.sizes == {"20 x 30": 6}
    assert survey.units == "images"
    assert survey.absent == (("tuning", "b"), ("test", "a"))
