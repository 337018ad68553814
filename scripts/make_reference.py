"""Write the reference pages that are made from the code: ``python scripts/make_reference.py``; a test compares them."""

import inspect
from pathlib import Path

from bedside.base.errors import INTERRUPTED_EXIT_CODE, error_tree
from bedside.compress.presets import PRESETS
from bedside.running import FORMATS
from bedside.runtime.devices import devices

PAGES = Path(__file__).parents[1] / "docs" / "reference"


def exit_codes() -> str:
    """Table of every error class with its exit code."""
    rows = [("0", "", "all went well"), ("2", "", "the command line could not be understood; it says which word")]
    for kind in error_tree():
        first = (inspect.getdoc(kind) or "").splitlines()[0]
        rows.append((str(kind.exit_code), f"`{kind.__name__}`", first))
    rows.append((str(INTERRUPTED_EXIT_CODE), "", "stopped by Ctrl-C; the same command goes on where it was"))
    lines = [f"| {code} | {name} | {meaning} |" for code, name, meaning in rows]
    head = "# Exit codes\n\nThe classes are in `bedside.base.errors`; an error prints what was got, what was expected\n"
    return head + "and the next thing to do.\n\n| code | class | meaning |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def presets_devices_formats() -> str:
    """Tables of presets and devices, and the formats."""
    amounts = [
        f"| `{name}` | {p.reference_images:,} | {p.student_images:,} | {p.volume_voxels // 1_000_000:,} | "
        f"{p.n_views} | {p.n_candidates} | {p.image_px} |"
        for name, p in PRESETS.items()
    ]
    machines = [
        f"| `{d.name}` | {d.description} | {'measured' if d.is_host else 'modelled: ' + d.latency['int8'].fitted_on} |"
        for d in devices().values()
    ]
    parts = [
        "# Presets, devices and formats\n\n## Presets\n\nEpochs follow from the number of images. "
        "Of volumes they are half as many, and\nno more than see a number of voxels (counted in the crops that large "
        "volumes are learned from; where\na class a volume is asked for, twice that number).\n",
        "| preset | images seen by the reference | by each student | voxels seen by each, millions | shared views | "
        "candidates | largest input, px |",
        "|---|---|---|---|---|---|---|", *amounts,
        "\n## Devices\n\n| device | what it is | latency |\n|---|---|---|", *machines,
        "\nEnergy is measured on the host where a meter is found, else modelled as active power times latency.",
        f"\n## Formats\n\n{', '.join(f'`{name}`' for name in FORMATS)}, each in fp32 and int8. The first one that is "
        "named\ncarries the evidence.\n",
    ]  # fmt: skip
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """Every page that is made from the code."""
    return {
        PAGES / "exit-codes.md": exit_codes(),
        PAGES / "presets-devices-formats.md": presets_devices_formats(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
