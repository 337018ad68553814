"""Every value has one JSON form: sorted keys, no spaces to argue about, floats as Python prints them."""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bedside.base.errors import InputError

ValueT = TypeVar("ValueT")


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_plain(value: object) -> Any:
    """Turn a frozen dataclass (or a container of them) into dicts, lists, strings and numbers."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, inf_nan_mode="constants")


def to_json(value: object, *, indent: int | None = None) -> bytes:
    """Write the canonical JSON form, UTF-8."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(to_plain(value), sort_keys=True, indent=indent, separators=separators, ensure_ascii=False)
    return text.encode() + (b"\n" if indent else b"")


def from_json(kind: type[ValueT], data: bytes, *, where: str = "JSON") -> ValueT:
    """Read a value of `kind` back, checking every field.

    Raises
    ------
    InputError
        If the text is not JSON or a field is missing or of the wrong type; the first such field is named.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the top level"
        raise InputError(
            f"{where}: {first['msg']} at {place}", expected=f"the JSON form of {kind.__name__}", hint="remake the file"
        ) from None


def read_json(kind: type[ValueT], path: Path) -> ValueT:
    """Read a value of `kind` from a file."""
    return from_json(kind, path.read_bytes(), where=path.name)


def json_schema(kind: Any) -> dict[str, Any]:
    """JSON Schema (2020-12) of a value's JSON form."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter(kind).json_schema()}
