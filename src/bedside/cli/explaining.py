"""``bedside explain``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bedside.base.errors import InputError
from bedside.base.estimate import Estimate
from bedside.base.files import write_atomic
from bedside.base.jsonform import to_json
from bedside.bundle.contact_sheet import SIDE_PX, SheetItem, render_contact_sheet
from bedside.bundle.opening import open_bundle
from bedside.bundle.pictures import overlay_png
from bedside.cli.terminal_watch import terminal_watch
from bedside.data.sources import load_cohort
from bedside.serve.explaining import Explained, explain, gaze_of_bundle
from bedside.serve.predicting import Predictor
from bedside.verify.gaze import ExplanationReport
from bedside.verify.heat import HEAT_MAPS

NOTE = (
    "The warmer a place, the more the model went by it for the class that is named: the more the probability falls "
    "when it is hidden or, for cam, the more its features add to the class. "
    "A map shows what the model went by, not whether it was right. Research use; not for diagnosis."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeRequest:
    """The options of ``bedside explain --data``."""

    bundle: Path
    data: str
    files: tuple[Path, ...] = ()
    method: str = "occlusion"
    out: Path = Path("explained")
    n_cases: int = 200
    margin: float = 0.1
    options: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    trust: str | None = None
    threads: int = 1


def run_explain(bundle: Path, files: list[Path], method: str, out: Path, trust: str | None, threads: int) -> None:
    """Write one overlay a file and the contact sheet of all."""
    if not files:
        raise InputError(
            "there is nothing to explain", expected="image files, or --data SOURCE", hint="see bedside explain --help"
        )
    HEAT_MAPS.get(method)
    console, names = Console(), _names(files)
    predictor = Predictor.load(bundle, trusted=trust, threads=threads)
    items = []
    with terminal_watch(console) as watch:
        for i, (file, name) in enumerate(zip(files, names, strict=True)):
            watch.tick(i, len(files), file.name)
            found = explain(predictor, file, method=method)
            image, heat = found.pictured()
            write_atomic(out / name, overlay_png(image, heat, side_px=SIDE_PX))
            items.append(SheetItem(name=file.name, caption=_caption(found), image=image, heat=heat))
            console.print(f"{out / name}  {_caption(found)}", highlight=False, soft_wrap=True)
    title = f"{predictor.bundle.manifest.name}: {predictor.shipped.artifact.name}, {method}"
    write_atomic(out / "index.html", render_contact_sheet(title, NOTE, items).encode())
    console.print(f"contact sheet  {out / 'index.html'}", highlight=False, soft_wrap=True)


def _names(files: Sequence[Path]) -> list[str]:
    """A PNG's name for each file; those of one stem are numbered."""
    names: list[str] = []
    for file in files:
        name, number = f"{file.stem}.png", 2
        while name in names:
            name, number = f"{file.stem}-{number}.png", number + 1
        names.append(name)
    return names


def _caption(found: Explained) -> str:
    prediction = found.prediction
    at = prediction.classes.index(found.mapped)
    place = "" if found.heat.any() else ": no one place speaks for it"
    if found.heat.ndim == 3 and found.hottest is not None:  # the central planes may miss it
        place = ", hottest at plane {}, row {}, column {}".format(*found.hottest)
    head = f"{prediction.called}, map of {found.mapped}" if prediction.refer else found.mapped
    return f"{head} ({prediction.probabilities[at]:.3f}){place}"


def run_gaze(request: GazeRequest) -> None:
    """Compare where int8 and fp32 look on a cohort; show the tables and write the report as JSON."""
    if request.files:
        raise InputError(
            "files and --data exclude each other", expected="one of them", hint="drop --data to map single files"
        )
    console = Console()
    bundle = open_bundle(request.bundle, trusted=request.trust)
    cohort = load_cohort(request.data, **request.options)
    with terminal_watch(console) as watch:
        report = gaze_of_bundle(
            bundle, cohort, method=request.method, n_cases=request.n_cases, hit_margin=request.margin,
            seed=request.seed, threads=request.threads, tick=watch.tick,
        )  # fmt: skip
    show_gaze(console, report)
    path = request.out / "gaze.json"
    write_atomic(path, to_json(report, indent=1))
    console.print(f"report  {path}", highlight=False, soft_wrap=True)


def show_gaze(console: Console, report: ExplanationReport) -> None:
    """Print what each model looks at, and the verdict on each pair."""
    title = f"{report.method}: {report.n_cases} cases, {report.n_patients} patients, {report.n_lesions} with a lesion"
    console.print(report.about, highlight=False, soft_wrap=True)
    table = Table("95 % intervals", *(gaze.model for gaze in report.gazes), "to be beaten", "by", title=title)
    hits, energies = ([str(getattr(gaze, name)) for gaze in report.gazes] for name in ("hit", "energy"))
    table.add_row("lesion hit rate", *hits, str(report.blind_hit), "the middle")
    table.add_row("heat in the lesion", *energies, str(report.even_energy), "an even map")
    for row, own, other in (
        ("deletion, to be low", "deletion", "deletion_unrelated"),
        ("insertion, to be high", "insertion", "insertion_unrelated"),
    ):
        found = [report.faithfulness.get(gaze.model) for gaze in report.gazes]
        if all(found):
            table.add_row(row, *(str(getattr(f, own)) for f in found), str(getattr(found[-1], other)), "another's map")
    table.add_row("blank maps", *(str(gaze.n_blank) for gaze in report.gazes))
    console.print(table)
    for change in report.changes:
        alike = change.agreement
        rows: dict[str, Estimate | None] = {
            "rank correlation of the maps": alike.rank_correlation,
            "overlap of the hottest tenth": alike.top_iou,
            "rank correlation with another case's map": alike.unrelated,
            "change of the lesion hit rate": change.hit_difference,
        }
        console.print(f"[bold]{change.model} against {change.against}: {change.verdict}[/]", highlight=False)
        for name, estimate in rows.items():
            console.print(f"  {name:<42}{estimate or 'no lesion masks'}", highlight=False)
        if change.hit_difference:
            print_pairs = f"{change.n_gained} gained, {change.n_lost} lost, exact McNemar p = {change.mcnemar_p:.3g}"
            console.print(f"  {'lesions pointed at':<42}{print_pairs}", highlight=False)
