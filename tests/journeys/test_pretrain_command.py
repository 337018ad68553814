"""``bedside pretrain`` makes start weights from a folder of images, and says what to do with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="pre-training needs the workshop extra")
pytest.importorskip("timm", reason="pre-training needs the workshop extra")

from bedside.base.errors import InputError
from bedside.base.task import TensorSpec
from bedside.cli.pretraining import PretrainRequest, run_pretrain
from bedside.train.architecture import Architecture, build
from bedside.train.start_weights import start_file, started

pytestmark = pytest.mark.workshop


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(24):
        Image.fromarray(rng.integers(0, 256, (20, 20), dtype=np.uint8)).save(tmp_path / "images" / f"{i}.png")
    (tmp_path / "images" / "torn.png").write_bytes(b"half a picture")
    return tmp_path / "images"


def test_weights_come_out_and_a_network_starts_from_them(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "start.safetensors"
    run_pretrain(PretrainRequest(source=str(images), out=out, width=0.25, n_epochs=1, threads=1))
    said = capsys.readouterr().out
    assert "left out torn.png" in said
    assert "--start-weights" in said
    spec = TensorSpec(n_channels=1, height_px=20, width_px=20)
    architecture = Architecture(family="residual", width=0.25, spec=spec, n_classes=5)
    ours, fresh = started(architecture, seed=0, start=start_file(out)), build(architecture, seed=0)
    assert not (next(ours.parameters()) == next(fresh.parameters())).all()


def test_a_source_with_labels_gives_its_development_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = PretrainRequest(
        source="phantom:ultrasound", out=tmp_path / "start.safetensors", width=0.25, n_epochs=1, threads=1,
        options={"n": "100", "size_px": "16"},
    )  # fmt: skip
    run_pretrain(request)
    assert "64 images of (1, 16, 16)" in capsys.readouterr().out


def test_the_name_must_say_what_the_file_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights\.pt as a file of weights"):
        run_pretrain(PretrainRequest(source=str(tmp_path), out=tmp_path / "weights.pt"))
