"""Every value has one JSON form: sorted keys, no spaces to argue about, floats as Python prints them."""

import json
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bedside.base.errors import InputError

ValueT = TypeVar("ValueT")

OMIT_DEFAULT = {"omit_default": True}
"""Metadata of a dataclass field that stays out of the JSON form while it has its default.

A field that is added to a value keeps, in this way, every older form and digest as it was.
"""


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_plain(value: object) -> Any:
    """Turn a frozen dataclass (or a container of them) into dicts, lists, strings and numbers."""
    from pydantic_core import to_jsonable_python

    plain = to_jsonable_python(value, inf_nan_mode="constants")
    _omit_defaults(value, plain)
    return plain


def _omit_defaults(value: object, plain: Any) -> None:
    """Walk a value and its plain form side by side, and drop the fields that ask for it."""
    if is_dataclass(value):
        for field in fields(value):
            inner = getattr(value, field.name)
            if field.metadata.get("omit_default") and _is_default(field, inner):
                plain.pop(field.name, None)
            elif field.name in plain:
                _omit_defaults(inner, plain[field.name])
    elif isinstance(value, dict) and isinstance(plain, dict):
        for inner, form in zip(value.values(), plain.values(), strict=True):
            _omit_defaults(inner, form)
    elif isinstance(value, list | tuple) and isinstance(plain, list):
        for inner, form in zip(value, plain, strict=True):
            _omit_defaults(inner, form)


def _is_default(field: "Field[Any]", value: object) -> bool:
    return field.default is not MISSING and value == field.default


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
