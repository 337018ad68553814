"""Lay a bundle's pack out in a folder that anybody can read with a browser."""

from html import escape
from importlib.resources import files
from pathlib import Path

from bedside.base.errors import BundleError, InputError
from bedside.base.files import folder_in_the_making
from bedside.bundle.opening import Bundle
from bedside.bundle.pack.writing import CONTENTS, FOLDER

_BESIDE = {
    "report.html": "the evidence report",
    "report.json": "every number of it, for programs",
    "model_card.md": "model card",
}
_STYLE = (
    "h2 { margin-top: 20px; } main table { min-width: 620px; } td { min-width: 84px; } "
    "blockquote { margin: 8px 0; font-weight: 650; }"
)
_CSP = "default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'"


def lay_out(bundle: Bundle, folder: Path) -> Path:
    """Copy report, model card and pack into a new folder, each Markdown file also as a page; return its index.

    Raises
    ------
    BundleError
        If the bundle holds no pack (an older one).
    InputError
        If `folder` is there already and holds anything.
    """
    listed = {**_BESIDE, **{f"{FOLDER}/{name}": what for name, what in CONTENTS.items()}}
    present = {path: what for path, what in listed.items() if path in bundle.manifest.files}
    if not any(path.startswith(f"{FOLDER}/") for path in present):
        raise BundleError(
            f"{bundle.folder.name} holds no pack", expected=f"files under {FOLDER}/", hint="make the bundle again"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already", expected="a new or empty folder", hint="choose another folder")
    with folder_in_the_making(folder) as making:
        for path in present:
            text = bundle.text(path)
            (making / Path(path).name).write_text(text, encoding="utf-8")
            if path.endswith(".md"):
                (making / f"{Path(path).stem}.html").write_text(_page(Path(path).stem, text), encoding="utf-8")
        (making / "index.html").write_text(_page("Evidence pack", _index(bundle, present)), encoding="utf-8")
    return folder / "index.html"


def _index(bundle: Bundle, present: dict[str, str]) -> str:
    """Write the list of files, as Markdown."""
    lines = [f"# Evidence pack of {_plain(bundle.manifest.name)}", "", "> Research use. Not for diagnosis.", ""]
    lines += ["| File | What it is | SHA-256 in the signed manifest |", "|---|---|---|"]
    for path, what in present.items():
        name = Path(path).name
        shown = f"{Path(path).stem}.html" if path.endswith(".md") else name
        lines.append(f"| [{name}]({shown}) | {what} | `{bundle.manifest.files[path]}` |")
    lines += ["", f"Signed by {bundle.signature.fingerprint}. Check it with `bedside verify`."]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c in " .-_" else "_" for c in text)


def _page(title: str, markdown: str) -> str:
    """Turn Markdown into one page in the report's style; HTML inside it is shown, not obeyed."""
    from markdown_it import MarkdownIt

    css = (files("bedside.bundle") / "templates" / "report.css").read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    body = body.replace("<table>", '<div class="scroll" role="region" tabindex="0" aria-label="Table"><table>')
    body = body.replace("</table>", "</table></div>").replace("<th>", '<th scope="col">')
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n<title>{escape(title)}</title>\n'
        f"<style>\n{css}\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n<section>\n{body}</section>\n</main>\n</body>\n</html>\n"
    )
