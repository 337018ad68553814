"""The section about where the models look: did compression move the gaze?"""

from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray
from bedside.bundle.canvas import BLUE, INK, VERMILLION, draw
from bedside.bundle.pictures import gallery_png_uri, overlay_png_uri
from bedside.bundle.report_data import GazePicture, ReportData
from bedside.bundle.report_figure import FigureTable, ReportFigure
from bedside.bundle.section import Section
from bedside.bundle.wording import three_decimals, with_interval
from bedside.verify.deletion import Faithfulness
from bedside.verify.gaze import ExplanationReport, GazeChange

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICTS = {
    "KEPT": ("kept", "good", "Compression did not move the gaze."),
    "MOVED": ("moved", "bad", "Compression moved the gaze."),
    "INCONCLUSIVE": ("cannot tell", "", "These cases cannot tell whether compression moved the gaze."),
}


def gaze_section(data: ReportData) -> Section | None:
    """Agreement of maps, lesion hits, deletion and insertion, sanity check, and pictures side by side."""
    found = data.gaze
    if found is None:
        return None
    moved = [change for change in found.changes if change.hits_verdict == "MOVED"]
    return Section(
        anchor="gaze",
        title="Did compression move the model's gaze?",
        short="Gaze",
        template="section_gaze.html.j2",
        view={
            "found": found,
            "answer": VERDICTS[found.changes[0].verdict][2],
            "changes": [_change(change) for change in found.changes],
            "looks": _looks(found),
            "faithful": [
                {"model": gaze.model, "areas": _areas(found.faithfulness[gaze.model])}
                for gaze in found.gazes
                if gaze.model in found.faithfulness
            ],
            "sanity": [
                {"layer": step.layer, "value": with_interval(step.similarity)} for s in found.sanity for step in s.steps
            ],
            "flag": next((check.flag[0].upper() + check.flag[1:] for check in found.sanity if check.flag), ""),
            "pictures": [_picture(picture) for picture in data.gaze_pictures],
        },
        figures=(_curves(found),) if found.faithfulness else (),
        numbers=found,
        warnings=tuple(
            f"The shipped model points at other places than {change.against}: its lesion hit rate changed by "
            f"{with_interval(change.hit_difference, sign=True)}."
            for change in moved
            if change.hit_difference is not None
        ),
        starts_page=True,
    )  # fmt: skip


def _change(change: GazeChange) -> dict[str, object]:
    word, kind, _ = VERDICTS[change.verdict]
    return {
        "against": change.against,
        "word": word,
        "kind": kind,
        "alike": with_interval(change.agreement.rank_correlation),
        "overlap": with_interval(change.agreement.top_iou),
        "unrelated": with_interval(change.agreement.unrelated),
        "hits": "no masks" if change.hit_difference is None else with_interval(change.hit_difference, sign=True),
    }


def _looks(found: ExplanationReport) -> list[dict[str, str]]:
    """One row a model; figures of lesions only where somebody drew some."""
    return [
        {
            "model": gaze.model,
            "hit": with_interval(gaze.hit),
            "energy": with_interval(gaze.energy),
            "blank": f"{gaze.n_blank} of {found.n_cases}",
        }
        for gaze in found.gazes
    ]


def _areas(held: Faithfulness) -> list[str]:
    names = ("deletion", "deletion_unrelated", "insertion", "insertion_unrelated")
    return [with_interval(getattr(held, name)) for name in names]


def _picture(picture: GazePicture) -> dict[str, object]:
    image = outlined(picture.image, picture.lesion)
    return {
        "image": gallery_png_uri(image),
        "reference": overlay_png_uri(image, picture.reference_heat),
        "shipped": overlay_png_uri(image, picture.shipped_heat),
        "truth": picture.truth,
        "alike": three_decimals(picture.rank_correlation),
        "lesion": picture.lesion is not None,
    }


def outlined(image: ByteArray, mask: BoolArray | None) -> ByteArray:
    """Draw the rim of a mask ``(H, W)`` into an image ``(C, H, W)`` in light blue, in three channels."""
    if mask is None:
        return image
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    drawn = np.broadcast_to(image, (3, *image.shape[1:])).copy()
    drawn[:, mask & ~inner] = np.array([[86], [180], [233]], np.uint8)
    return drawn


def _curves(found: ExplanationReport) -> ReportFigure:
    """Mean deletion and insertion curves of each model."""

    def paint(figure: "Figure") -> None:
        panels, fates = figure.subplots(1, 2, sharey=True), {"deletion_prob": "hidden", "insertion_prob": "shown"}
        for axes, (which, fate) in zip(panels, fates.items(), strict=True):
            for name, held in found.faithfulness.items():
                curve = getattr(held, which)
                color = BLUE if name == found.gazes[-1].model else VERMILLION
                if curve:
                    line = "-" if color == BLUE else (0, (5, 2))
                    axes.plot(held.share_frac, curve, color=color, linestyle=line, linewidth=1.5, label=name)
            axes.set(xlabel=f"share {fate}, hottest first", ylim=(-0.02, 1.02))
            axes.grid(visible=True)
            axes.axhline(0.5, color=INK, linewidth=0.4)
        panels[0].set_ylabel("probability of the true class")
        panels[0].legend(loc="lower left")

    rows = tuple(
        (name, share, out, in_)
        for name, held in found.faithfulness.items()
        if held.deletion_prob and held.insertion_prob
        for share, out, in_ in zip(held.share_frac, held.deletion_prob, held.insertion_prob, strict=True)
    )
    areas = "; ".join(
        f"{name}: area under deletion {with_interval(held.deletion)}, insertion {with_interval(held.insertion)}"
        for name, held in found.faithfulness.items()
    )
    return ReportFigure(
        name="deletion-insertion",
        title="Deletion and insertion curves",
        caption="Probability of the true class while places are hidden (left), or shown out of a blurred image "
        "(right), the hottest first; means over cases.",
        svg=draw(paint, name="gaze", alt=f"Deletion and insertion curves. {areas}", width_in=6.0, height_in=3.2),
        table=FigureTable(columns=("model", "share_frac", "deletion_prob", "insertion_prob"), rows=rows),
    )
