"""What the ward costs: start-up, one prediction, our code around the bare runtime call, and its install.

``python -m benchmarks.ward BUNDLE`` on a finished bundle; needs two idle cores and, for the install row, a network.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bedside.data.phantom import Phantom
from bedside.serve.predicting import Predictor
from benchmarks.ledger import Figure, record

ROOT = Path(__file__).parents[1]
COMMAND = "python -m benchmarks.ward BUNDLE"
N_RUNS = 9
N_IMAGES = 1000


def row(figure: str, values: list[float], ceiling: float, unit: str) -> None:
    """Write the median with its range."""
    median = float(np.median(values))
    record(
        "main",
        Figure(figure=f"{figure}, {unit}", value=median, low=min(values), high=max(values),
               target=f"<= {ceiling:g} {unit}", met=median <= ceiling, command=COMMAND),
    )  # fmt: skip


def start_up() -> None:
    """``import bedside`` over bare Python, alternating."""

    def seconds(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - begun

    seconds("import bedside")
    pairs = [(seconds("pass"), seconds("import bedside")) for _ in range(15)]
    row("import bedside over bare Python", [1000 * (ours - bare) for bare, ours in pairs], 50, "ms")


def one_prediction(bundle: Path, image: Path) -> None:
    """Wall time and peak memory of ``bedside predict`` on one PNG, the whole process."""
    walls, peaks = [], []
    for _ in range(N_RUNS):
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "bedside", "predict", str(bundle), str(image)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError("bedside predict failed")
        walls.append(time.perf_counter() - begun)
        peaks.append(usage.ru_maxrss / 1024)
    row("bedside predict of one PNG, whole process, wall", walls[1:], 1.0, "s")
    row("bedside predict of one PNG, whole process, peak memory", peaks, 120, "MiB")


def overhead(bundle: Path, folder: Path) -> None:
    """Predict 1,000 PNGs in one process, and the same by the bare calls: decode, preprocess, invoke."""
    phantom = Phantom(size_px=28)
    files = [folder / f"{i}.png" for i in range(N_IMAGES)]
    for i, path in enumerate(files):
        Image.fromarray(phantom.image(i, has_lesion=bool(i % 2))).save(path)
    predictor = Predictor.load(bundle, use_gate=False)  # the gate has its own row: benchmarks.robustness
    bare = _Bare(bundle)
    bare(files[:50])
    predictor.predict(files[:50])
    ratios = []
    for i in range(N_RUNS):
        turns = [("bare", lambda: bare(files)), ("ours", lambda: predictor.predict(files))]
        spent = {}
        for name, call in turns if i % 2 else reversed(turns):
            begun = time.perf_counter()
            call()
            spent[name] = time.perf_counter() - begun
        ratios.append(100 * (spent["ours"] / spent["bare"] - 1))
    row("cost of our code around decode, preprocess and invoke, 1,000 images in one process", ratios, 10, "%")


class _Bare:
    """What nobody can do without: Pillow's decoding, the normalization, and the interpreter's three calls."""

    def __init__(self, bundle: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        from bedside.bundle.opening import open_bundle

        opened = open_bundle(bundle)
        self.preprocess = opened.manifest.preprocess
        path = opened.models_folder / opened.manifest.models[0].artifact.file
        self.interpreter = Interpreter(model_path=str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        self.entry = self.interpreter.get_input_details()[0]["index"]
        self.exit = self.interpreter.get_output_details()[0]["index"]

    def __call__(self, files: list[Path]) -> list[np.ndarray]:
        rows = []
        for path in files:
            with Image.open(path) as picture:
                pixels = np.asarray(picture)
            image = self.preprocess(pixels)
            self.interpreter.set_tensor(self.entry, np.ascontiguousarray(image[None].transpose(0, 2, 3, 1)))
            self.interpreter.invoke()
            rows.append(self.interpreter.get_tensor(self.exit))
        return rows


def install() -> None:
    """``pip install .`` into an empty venv: seconds and MiB."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        before = _mib(venv)
        begun = time.perf_counter()
        subprocess.run(
            [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-c",
             str(ROOT / "constraints.txt"), str(ROOT)], check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - begun
        subprocess.run([str(venv / "bin" / "bedside"), "doctor"], check=True, stdout=subprocess.DEVNULL)
        row("ward install (pip install . in an empty venv), wall", [seconds], 30, "s")
        row("ward install, disk above the empty venv", [_mib(venv) - before], 250, "MiB")


def _mib(folder: Path) -> float:
    done = subprocess.run(["du", "-sk", str(folder)], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args().bundle
    with tempfile.TemporaryDirectory() as folder:
        start_up()
        one_prediction(bundle, bundle / "golden" / "phantom0.png")
        overhead(bundle, Path(folder))
        install()


if __name__ == "__main__":
    main()
