"""Section of the report: tiles of a volume that are background are not run."""

from bedside.bundle.report_data import ReportData
from bedside.bundle.section import Section
from bedside.bundle.wording import percent, with_interval


def tile_section(data: ReportData) -> Section | None:
    """What leaving background tiles out saves, and what it changes; None where no volume is outlined."""
    found = data.tiles
    if found is None:
        return None
    rows = (
        ("tiles of a volume that are not run", f"{percent(found.skipped.value)} "
         f"[{percent(found.skipped.low)}, {percent(found.skipped.high)}]"),
        ("Dice, all tiles", with_interval(found.dice_whole)),
        ("Dice, without those of background", with_interval(found.dice_skipping)),
        ("the second less the first, by volume", with_interval(found.dice_change)),
        ("lesion voxels that no run tile sees", str(found.lost_voxels)),
        ("ms a volume, all tiles", with_interval(found.whole_ms)),
        ("ms a volume saved", with_interval(found.saved_ms)),
    )  # fmt: skip
    return Section(
        anchor="tiles",
        title="Tiles of background: what is not run",
        short="Tiles",
        template="section_tiles.html.j2",
        view={"found": found, "rows": rows},
        numbers=found,
    )
