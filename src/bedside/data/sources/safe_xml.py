"""XML without what makes it dangerous: no document type, no entities, no deep nesting, no giants."""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from bedside.base.errors import CohortError

_MOST_BYTES = 16 << 20
_MOST_DEPTH = 32


@dataclass(slots=True)
class Element:
    """A tag with its text and children, as far as annotations need them."""

    tag: str
    text: str = ""
    children: list["Element"] = field(default_factory=list, repr=False)

    def all(self, tag: str) -> list["Element"]:
        """Children of one name."""
        return [child for child in self.children if child.tag == tag]

    def find(self, *path: str) -> str:
        """Text of the first element down a path; empty where there is none."""
        here = self
        for tag in path:
            below = here.all(tag)
            if not below:
                return ""
            here = below[0]
        return here.text.strip()


class _RefusedError(Exception):
    """A construct that annotations never need."""


def read_xml(path: Path) -> Element:
    """Parse a small XML file.

    Raises
    ------
    CohortError
        If it cannot be read, is not well-formed, is larger than 16 MiB, nests deeper than 32 tags, or has a document
        type: entities could name other files, or grow without bound.
    """
    root = Element("")
    open_: list[Element] = [root]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(open_) > _MOST_DEPTH:
            raise _RefusedError(f"it nests deeper than {_MOST_DEPTH} tags")
        open_[-1].children.append(Element(tag))
        open_.append(open_[-1].children[-1])

    def text(data: str) -> None:
        open_[-1].text += data

    def refuse(*_: object) -> None:
        raise _RefusedError("it declares a document type or entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: open_.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _RefusedError(f"it has {path.stat().st_size:,} bytes")
        parser.Parse(path.read_bytes(), True)
    except (_RefusedError, expat.ExpatError, OSError, ValueError) as error:
        raise CohortError(
            f"{path} is not a safe, well-formed XML file: {error}", expected="plain XML without a document type",
            hint="export it again",
        ) from None  # fmt: skip
    return root.children[0]
