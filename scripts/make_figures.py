"""Write the measured figures into README and docs: ``python scripts/make_figures.py``; a test compares them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "explanation" / "figures.md"
START, END = "<!-- figures -->", "<!-- end of figures -->"
IN_README = (
    ("PneumoniaMNIST 28 px: AUROC of the shipped", "PneumoniaMNIST, shipped int8 file: AUROC"),
    ("PneumoniaMNIST 28 px: AUROC of the fp32 reference", "PneumoniaMNIST, fp32 reference: AUROC"),
    ("PneumoniaMNIST 28 px: size", "PneumoniaMNIST, shipped int8 file: KiB"),
    ("PneumoniaMNIST 28 px: latency ratio", "PneumoniaMNIST, times faster than the reference"),
    ("BreastMNIST 28 px, official parts as published (they leak): AUROC of the shipped", "BreastMNIST, AUROC"),
    ("BUSI, 3 classes, 112 px: test macro AUROC of the shipped", "BUSI, 3 classes, macro AUROC"),
    ("Kermany chest X-ray, 128 px: test AUROC of the shipped", "paediatric chest X-ray, AUROC"),
    ("endo_polyp_kvasir: Dice, light U-Net", "polyps (Kvasir), Dice"),
    ("mri_hippocampus_msd: Dice of both labels", "hippocampus in MR volumes (MSD), Dice"),
    (
        "BCCD blood cells 320 x 240 px, official test (72 images), centre_lite0, 12 epochs: AP50 of the shipped",
        "blood cells (BCCD), AP50",
    ),
    (
        "whole recipe: data sets with at least",
        "data sets on which the recipe makes an fp32 ResNet-18 20x smaller and 8x faster, AUROC non-inferior",
    ),
    (
        "kermany64, efficientnet_b0, ONNX Runtime",
        "EfficientNet-B0, change of AUROC by int8 as ONNX Runtime documents it",
    ),
    (
        "kermany64, efficientnet_b0, autopilot",
        "EfficientNet-B0, the same by the int8 autopilot (fp32 stays where nothing passes)",
    ),
    ("bedside predict of one PNG, whole process, wall", "`bedside predict` of one PNG, whole process, seconds"),
    ("ward install (pip install . in an empty venv), wall", "ward install, seconds"),
)
"""Beginning of a figure's name in the results, and what the README calls it."""


def rows(area: str) -> list[dict[str, Any]]:
    """Figures of one area; empty where it was not measured."""
    path = RESULTS / f"{area}.json"
    return json.loads(path.read_text()) if path.is_file() else []


def shown(row: dict[str, Any]) -> str:
    """Value with its band."""
    if row["low"] == row["high"]:
        return f"{row['value']:.3g}"
    return f"{row['value']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"


def page() -> str:
    """Every figure of every area, met or not."""
    parts = [
        "# Measured figures\n\nEach row was written by the command beside it, met or not; versions, seeds and machine",
        "are in `benchmarks/results/`. The band is a 95 % interval for accuracies, else the range of runs or seeds.",
    ]
    for path in sorted(RESULTS.glob("*.json")):
        parts.append(f"\n## {path.stem}\n\n| figure | value | target | met | command |\n|---|---|---|---|---|")
        for row in rows(path.stem):
            met = "yes" if row["met"] else "**no**"
            cells = (row["figure"], shown(row), row["target"], met, f"`{row['command']}`")
            parts.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def readme_table() -> str:
    """The few figures that a newcomer asks for."""
    found = rows("main") + rows("data") + rows("compression")
    lines = ["| measured | value | target |", "|---|---|---|"]
    for beginning, name in IN_README:
        lines += [
            f"| {name} | {shown(row)} | {row['target'].split(';')[0]} |"
            for row in found
            if row["figure"].startswith(beginning)
        ]
    return "\n".join(lines)


_BLOCKS = re.compile(r"blocks, (\w+): (\w+), gate (\w+) \(.*?([\d.]+) MMACs")


def blocks_table() -> str:
    """Blocks and gates side by side, the data sets one after the other."""
    lines = ["| data set | block | gate | MMACs | test AUROC | difference | int8 loses | int8 file |", "|---" * 8 + "|"]
    for row in rows("compression"):
        if named := _BLOCKS.match(row["figure"]):
            told = row["target"].removeprefix("none, for comparison; ").split("; ")
            gap, loss, file = ["", *told][-3:]
            gap, loss = gap.removeprefix("paired difference "), loss.removeprefix("int8 loses ")
            lines.append("| " + " | ".join([*named.groups(), shown(row), gap, loss, file]) + " |")
    return "\n".join(lines)


def search_table() -> str:
    """Samplers against random search, and how shared weights rank."""
    quoted = [
        f"| {row['figure']} | {shown(row)} | {row['target']} |"
        for row in rows("compression")
        if row["figure"].startswith("shared weights, ") or " against random search, " in row["figure"]
    ]
    return "\n".join(["| measured | value | target |", "|---|---|---|", *quoted])


QUOTING: dict[Path, Callable[[], str]] = {
    ROOT / "README.md": readme_table,
    ROOT / "docs" / "explanation" / "light-blocks.md": blocks_table,
    ROOT / "docs" / "explanation" / "search.md": search_table,
}
"""Pages that quote figures between two marks, and what they quote."""


def quoting(path: Path) -> str:
    """A page with its figures as they are."""
    before, rest = path.read_text().split(START)
    return f"{before}{START}\n{QUOTING[path]()}\n{END}{rest.split(END)[1]}"


def pages() -> dict[Path, str]:
    """Every file that quotes figures, as it should be."""
    return {PAGE: page()} | {path: quoting(path) for path in QUOTING}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
