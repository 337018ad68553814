"""TRIPOD+AI, STARD-AI and CLAIM as tables: filled with what the run knows, ``TO DO (owner)`` for the rest."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO

from bedside.base.jsonform import from_json
from bedside.bundle.pack.fact import Fact

CHECKLISTS = ("tripod_ai", "stard_ai", "claim")
TO_DO = "TO DO (owner)"
FILLED, PARTLY = "filled", f"partly; the rest {TO_DO}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a checklist: its number there, a short title in our words, and the facts that answer it."""

    number: str
    section: str
    title: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A reporting guideline."""

    name: str
    title: str
    source: str
    note: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An item with its status and what is known."""

    item: Item
    status: str
    known: str


def load_checklist(name: str) -> Checklist:
    """Read one of `CHECKLISTS` from the package."""
    path = files("bedside.bundle.pack") / "lists" / f"{name}.json"
    return from_json(Checklist, path.read_bytes(), where=f"{name}.json")


def filled(checklist: Checklist, facts: Mapping[str, Fact]) -> tuple[Entry, ...]:
    """Answer each item with its facts; an item without any is left to the owner."""
    return tuple(_entry(item, [facts[name] for name in item.facts]) for item in checklist.items)


def _entry(item: Item, known: Sequence[Fact]) -> Entry:
    if not known:
        return Entry(item=item, status=TO_DO, known="")
    left = [fact.leaves for fact in known if fact.leaves]
    text = " ".join(f"{fact.text[:1].upper()}{fact.text[1:].rstrip('.')}." for fact in known)
    if left:
        text += f" {TO_DO}: {'; '.join(left)}."
    return Entry(item=item, status=PARTLY if left else FILLED, known=text)


def checklist_markdown(checklist: Checklist, entries: Sequence[Entry]) -> str:
    """Write the table for people."""
    n_filled = sum(entry.status == FILLED for entry in entries)
    n_partly = sum(entry.status == PARTLY for entry in entries)
    lines = [
        f"# {checklist.name}",
        "",
        f"{checklist.title}. Source: {checklist.source}.",
        "",
        f"{checklist.note} {n_filled} of {len(entries)} items are filled from the run, {n_partly} partly; "
        f"{len(entries) - n_filled - n_partly} are left to the owner.",
    ]
    section = ""
    for entry in entries:
        if entry.item.section != section:
            section = entry.item.section
            lines += ["", f"## {section}", "", "| No. | Item | Status | What the run knows |", "|---|---|---|---|"]
        cells = (entry.item.number, entry.item.title, entry.status, entry.known or "–")
        lines.append("| " + " | ".join(cell_text(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def cell_text(text: str) -> str:
    """Make a text fit into a cell of a Markdown table, and keep what looks like markup from acting as such."""
    flat = " ".join(str(text).split())
    for mark in ("\\", "|", "<", ">", "`", "[", "]", "*"):
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def checklists_csv(tables: Mapping[str, Sequence[Entry]]) -> str:
    """Write all of them in one sheet, for the owner to complete."""
    sheet = StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(["checklist", "number", "section", "item", "status", "what_the_run_knows", "owner"])
    for name, entries in tables.items():
        for entry in entries:
            item = entry.item
            writer.writerow([name, item.number, item.section, item.title, entry.status, entry.known, ""])
    return sheet.getvalue()
