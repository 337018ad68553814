"""What reading costs: DICOM decode and preprocess beside the bare calls, and an index of 100,000 files.

``python -m benchmarks.data`` with ``$BEDSIDE_DATA``; ``--files N`` makes the index smaller for a quick look.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from bedside.base.errors import BedsideError
from bedside.data.indexing import build_index
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_image
from benchmarks.ledger import Figure, record

COMMAND = "python -m benchmarks.data"
SIDE_PX = 224
N_RUNS = 9
PREPROCESS = Preprocess(n_channels=1, height_px=SIDE_PX, width_px=SIDE_PX, fit="squash")


def bare(path: Path) -> np.ndarray:
    """What nobody can do without: pydicom's decoding, the range to 0-255, luma, a bilinear resize, the scaling."""
    pixels = pydicom.dcmread(path).pixel_array
    if pixels.ndim == 3:
        pixels = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    values = pixels.astype(np.float32)
    low, high = values.min(), values.max()
    values = (values - low) * (255 / max(high - low, 1))
    return ((_weights(values.shape[0]) @ values @ _weights(values.shape[1]).T) - 127) / 128


@cache
def _weights(n: int) -> np.ndarray:
    """Triangle filter with antialiasing, as a matrix: ``(SIDE_PX, n)``."""
    scale = max(1.0, n / SIDE_PX)
    centres = (np.arange(SIDE_PX) + 0.5) * n / SIDE_PX - 0.5
    near = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(n)) / scale)
    return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)


def samples(folder: Path) -> list[Path]:
    """Every sample of one frame that can be read."""
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        try:
            read_image(path)
        except BedsideError:
            continue
        found.append(path)
    return found


def decode_and_preprocess(folder: Path) -> None:
    """The same files through both, turn about, file by file; sums of the medians a file."""
    paths = samples(folder)
    ours, bares = np.empty((2, N_RUNS, len(paths)))
    for run in range(N_RUNS):
        for i, path in enumerate(paths):
            turns: list[tuple[np.ndarray, Callable[[], object]]] = [
                (ours, lambda path=path: PREPROCESS.from_file(path)),
                (bares, lambda path=path: bare(path)),
            ]
            for spent, call in turns if run % 2 else reversed(turns):
                begun = time.perf_counter()
                call()
                spent[run, i] = time.perf_counter() - begun
    ratio = float(np.median(ours, axis=0).sum() / np.median(bares, axis=0).sum())
    by_run = ours.sum(axis=1) / bares.sum(axis=1)
    record(
        "data",
        Figure(figure=f"DICOM decode + preprocess over pydicom's decode + NumPy resize, {len(paths)} files, one core",
               value=ratio, low=float(by_run.min()), high=float(by_run.max()), target="<= 1.15", met=ratio <= 1.15,
               command=COMMAND),
    )  # fmt: skip


def make_files(folder: Path, n: int) -> None:
    """Small PNGs of noise, a thousand a folder, and one text file among them that is no image."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / f"{i // 1000:04d}" / f"{i:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(buffer, "PNG", compress_level=1)
        path.write_bytes(buffer.getvalue())
    (folder / "0000" / "notes.txt").write_text("not an image")


def index_files(n: int) -> None:
    """Index the files three times, each in a fresh process and from nothing; the files lie in the page cache."""
    with tempfile.TemporaryDirectory() as place:
        make_files(Path(place) / "files", n)
        rates, peaks = [], []
        for run in range(3):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.data", "--index", place, "--run", str(run)], check=True,
                capture_output=True, text=True,
            )  # fmt: skip
            seconds, peak_mib = map(float, done.stdout.split()[-2:])
            rates.append((n + 1) / seconds)
            peaks.append(peak_mib)
    rate, peak = float(np.median(rates)), float(np.median(peaks))
    record(
        "data",
        Figure(figure=f"indexing {n:,} small files, warm, 2 processes, files/s", value=rate, low=min(rates),
               high=max(rates), target=">= 2000 files/s", met=rate >= 2000, command=COMMAND),
    )  # fmt: skip
    record(
        "data",
        Figure(figure=f"indexing {n:,} small files, peak memory of all processes together, MiB", value=peak,
               low=min(peaks), high=max(peaks), target="<= 300 MiB", met=peak <= 300, command=COMMAND),
    )  # fmt: skip


def index_once(place: Path, run: int) -> None:
    """One fresh index; prints seconds and the peak memory of this process and its two readers."""
    begun = time.perf_counter()
    report = build_index(place / "files", place / f"{run}.sqlite", processes=2)
    seconds = time.perf_counter() - begun
    if report.n_quarantined != 1 or report.n_read != report.n_files:
        raise RuntimeError(f"unexpected: {report}")
    own, largest_child = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(seconds, own + 2 * largest_child)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--run", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.index:
        index_once(arguments.index, arguments.run)
        return
    warnings.simplefilter("ignore")
    decode_and_preprocess(Path(os.environ["BEDSIDE_DATA"]) / "dicom_samples")
    index_files(arguments.files)


if __name__ == "__main__":
    main()
