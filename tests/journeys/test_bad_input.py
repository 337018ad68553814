"""Bad input through the command line: a clear error, its exit code, and no half-written file."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Cli = Callable[..., subprocess.CompletedProcess[str]]


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The command ended with `code`, said each of `words`, and showed no traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (20, 20), np.uint8)).save(path)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("optimize", "nonsense", "--out", "x"), 10, "NAME:WHAT"),
        (("optimize", "medmnist:pneumonia", "--out", "x"), 10, "pneumoniamnist"),
        (("optimize", "folder:nowhere", "--out", "x"), 10, "not a folder"),
        (("optimize", "dicomm:here", "--out", "x"), 40, "no plugin called"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--device", "toaster"), 40, "no device called"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--size-kib", "-1"), 10, "not positive"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--margin", "3"), 10, "margin"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--formats", "litrt"), 40, "did you mean 'litert'"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--allow-leak", "--drop-leaks"), 10, "exclude each other"),
        (("optimize", "phantom:ultrasound", "--out", "x", "--preset", "huge"), 2, "quick"),
        (("predict", "nowhere", "x.png"), 30, "does not exist"),
        (("verify", "nowhere"), 30, "does not exist"),
        (("unknown",), 2, "unknown"),
    ],
)
def test_words_that_make_no_sense(cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    pytest.importorskip("torch", reason="optimize needs the workshop extra")
    refused(cli(*words, cwd=tmp_path), code, said)
    assert not (tmp_path / "x").exists()


def test_a_budget_that_nothing_can_meet(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="optimize needs the workshop extra")
    done = cli(
        "optimize", "phantom:ultrasound", "--out", tmp_path / "x", "--preset", "quick", "--reference", "residual",
        "--latency-ms", "0.000001",
    )  # fmt: skip
    refused(done, 20, "binding limit is latency_ms", "nearest budget")
    assert not (tmp_path / "x").exists()
    table = (tmp_path / "x.work" / "trials.csv").read_text()
    assert "on paper: predicted latency" in table, "the trial table is left behind"


def test_leaks_stop_the_run_with_the_list(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="optimize needs the workshop extra")
    rows = ["file,label,split"]
    for i in range(24):
        picture(tmp_path / "data" / f"{i}.png", i)
        rows.append(f"{i}.png,{'ill' if i % 2 else 'normal'},{('train', 'val', 'test')[i // 8]}")
    picture(tmp_path / "data" / "copy.png", 0)
    rows.append("copy.png,normal,test")
    (tmp_path / "data" / "metadata.csv").write_text("\n".join(rows))
    done = cli("optimize", f"folder:{tmp_path / 'data'}", "--out", tmp_path / "x")
    refused(done, 13, "exact: 0.png (development) and copy.png (test)", "--drop-leaks", "--allow-leak")


def test_one_class_only(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="optimize needs the workshop extra")
    for i in range(4):
        picture(tmp_path / "data" / "ill" / f"{i}.png", i)
    refused(cli("optimize", f"folder:{tmp_path / 'data'}", "--out", tmp_path / "x"), 12, "at least two classes")


@pytest.mark.workshop
@pytest.mark.slow
class TestPredictRefuses:
    def test_an_empty_file(self, cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        refused(cli("predict", phantom_bundle, tmp_path / "empty.png"), 11, "empty (0 bytes)")

    def test_a_missing_file(self, cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
        refused(cli("predict", phantom_bundle, tmp_path / "no.png"), 11, "cannot be opened")

    def test_a_truncated_file(self, cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
        data = (phantom_bundle / "golden" / "phantom5.png").read_bytes()
        (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
        refused(cli("predict", phantom_bundle, tmp_path / "half.png"), 11, "damaged")

    def test_one_bad_file_of_several(self, cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        good = phantom_bundle / "golden" / "phantom5.png"
        done = cli("predict", phantom_bundle, tmp_path / "empty.png", good, tmp_path / "no.png", "--as", "json")
        refused(done, 11, "2 of 3 files", "empty (0 bytes)", "no.png")
        assert [row["file"] for row in json.loads(done.stdout)] == [str(good)]

    def test_a_changed_bundle(self, cli: Cli, phantom_bundle: Path, tmp_path: Path) -> None:
        import shutil

        copy = tmp_path / "copy"
        shutil.copytree(phantom_bundle, copy)
        model = copy / "models" / "litert_int8.tflite"
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
        refused(cli("predict", copy, copy / "golden" / "black.png"), 31, "litert_int8.tflite has been changed")
        refused(cli("verify", copy), 31, "litert_int8.tflite")

    def test_another_signer(self, cli: Cli, phantom_bundle: Path) -> None:
        refused(cli("verify", phantom_bundle, "--trust", "0" * 16), 32, "signed by")

    def test_a_format_that_is_not_there(self, cli: Cli, phantom_bundle: Path) -> None:
        done = cli("predict", phantom_bundle, phantom_bundle / "golden" / "black.png", "--format", "coreml")
        refused(done, 10, "litert int8")
