"""``bedside optimize --fit foreground``: the crop that was asked for is the one of training and of the bedside."""

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from bedside.base.jsonform import from_json, to_json
from bedside.cli import app as command
from bedside.cli import optimizing
from bedside.cli.optimizing import Request
from bedside.data.cohort import Cohort
from bedside.data.fitting_in import letterboxed
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images, suit_preprocess


def bordered(place: Path) -> tuple[Cohort, list[np.ndarray]]:
    """Bright rectangles anywhere in a black border, as files."""
    rng = np.random.default_rng(0)
    lines, insides = ["file,label"], []
    for i in range(8):
        inside = rng.integers(100, 256, (rng.integers(30, 50), rng.integers(30, 50))).astype(np.uint8)
        image = np.zeros((120, 150), np.uint8)
        top, left = rng.integers(0, 70), rng.integers(0, 100)
        image[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        Image.fromarray(image).save(place / f"{i}.png")
        lines.append(f"{i}.png,{'ill' if i % 2 else 'well'}")
        insides.append(inside)
    Image.fromarray(np.zeros((120, 150), np.uint8)).save(place / "black.png")
    (place / "metadata.csv").write_text("\n".join([*lines, "black.png,well"]) + "\n")
    return load_cohort(f"folder:{place}"), insides


def test_training_and_bedside_see_the_same_crop(tmp_path: Path) -> None:
    cohort, insides = bordered(tmp_path)
    asked = Request(source="", out=Path("out"), fit="foreground").preprocessing()
    preprocess = suit_preprocess(cohort, image_px=32, **asked)
    in_training = stack_images(cohort.cases, preprocess)
    shipped = from_json(Preprocess, to_json(preprocess))  # as the manifest of a bundle keeps it
    assert shipped == preprocess
    for case, row in zip(cohort.cases, in_training, strict=True):
        assert case.path is not None
        np.testing.assert_array_equal(shipped.geometry(*shipped.read(case.path)), row)
        if case.path.stem != "black":
            np.testing.assert_array_equal(row[0], letterboxed(insides[int(case.path.stem)], 32, 32))
        else:
            assert not row.any()


def test_the_option_reaches_the_request_and_its_default_changes_nothing(monkeypatch, tmp_path: Path) -> None:
    asked: list[Request] = []
    monkeypatch.setattr(optimizing, "run_optimize", asked.append)
    words = ["optimize", "phantom:ultrasound", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(command.app, [*words, "--fit", "foreground"]).exit_code == 0
    assert CliRunner().invoke(command.app, words).exit_code == 0
    assert CliRunner().invoke(command.app, [*words, "--fit", "stretch"]).exit_code == 2
    assert [request.preprocessing() for request in asked] == [{"fit": "foreground"}, {}]
