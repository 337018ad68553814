"""``bedside report``."""

import shutil
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bedside.base.errors import BundleError
from bedside.bundle.opening import Bundle, open_bundle

REPORT, NUMBERS = "report.html", "report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """The options of the command."""

    pdf: Path | None = None
    pack: Path | None = None
    as_json: bool = False
    in_browser: bool = False


def run_report(path: Path, request: ReportRequest, trust: str | None) -> None:
    """Check the bundle, then do what was asked for; without a wish, show the short table."""
    bundle, console = open_bundle(path, trusted=trust), Console()
    if request.as_json:
        print(_listed(bundle, NUMBERS).read_text(encoding="utf-8"), end="")
    if request.pdf:
        from bedside.bundle.printing import print_pdf

        _say(console, "printed", print_pdf(_listed(bundle, REPORT), request.pdf))
    if request.pack:
        from bedside.bundle.pack.reading import lay_out

        _say(console, "pack", lay_out(bundle, request.pack))
    if request.in_browser:
        _open(_lasting(bundle, path), console)
    if not (request.as_json or request.pdf or request.pack or request.in_browser):
        _show(bundle, path, console)


def _listed(bundle: Bundle, name: str) -> Path:
    """Path of a file that the manifest lists."""
    if name not in bundle.manifest.files:
        raise BundleError(
            f"{bundle.folder.name} holds no {name}", expected="a bundle with its report", hint="make the bundle again"
        )
    return bundle.folder / name


def _lasting(bundle: Bundle, path: Path) -> Path:
    """A report that is still there when the browser reads it: that of a bundle in one file is copied."""
    page = _listed(bundle, REPORT)
    if path.is_dir():
        return page
    folder = Path(tempfile.mkdtemp(prefix="bedside-report-"))
    return Path(shutil.copy(page, folder / REPORT))


def _open(page: Path, console: Console) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        console.print("no browser could be started here", style="yellow")
    _say(console, "report", page)


def _show(bundle: Bundle, path: Path, console: Console) -> None:
    from rich.table import Table

    from bedside.bundle.summary import read_summary

    summary = read_summary(bundle)
    table = Table("on the sealed test, 95 % intervals", summary.reference_name, summary.shipped_name)
    for row in summary.rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"non-inferiority  {summary.verdict}", highlight=False)
    _say(console, "report", path / REPORT if path.is_dir() else path)
    console.print("next             --open, --pdf FILE, --json or --pack FOLDER", highlight=False)


def _say(console: Console, what: str, path: Path) -> None:
    console.print(f"{what:<17}{path}", highlight=False, soft_wrap=True)
