"""The manifest's published schema is the one that the code writes."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from bedside.base.errors import InputError
from bedside.base.jsonform import from_json, to_json
from bedside.bundle.manifest import SCHEMA_VERSION, Manifest, current_schema, manifest_schema
from bedside.bundle.opening import open_bundle

jsonschema = pytest.importorskip("jsonschema")

HOW = (
    "the manifest has changed: raise SCHEMA_VERSION and write a new schema file, or, before a release, write the file "
    "again from json.dumps(current_schema(), indent=1)"
)


def test_the_schema_file_is_that_of_the_code() -> None:
    assert manifest_schema() == current_schema(), HOW


def test_the_schema_file_is_written_for_people() -> None:
    text = (files("bedside.bundle") / "schema" / f"manifest-{SCHEMA_VERSION}.json").read_text()
    assert text == json.dumps(manifest_schema(), indent=1, ensure_ascii=False) + "\n"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_schema())


def test_a_real_manifest_is_valid_and_comes_back_equal(sealed: Path) -> None:
    raw = (sealed / "manifest.json").read_bytes()
    jsonschema.Draft202012Validator(manifest_schema()).validate(json.loads(raw))
    assert to_json(from_json(Manifest, raw), indent=1) == raw
    assert open_bundle(sealed).manifest.schema_version == SCHEMA_VERSION


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), "one"),
        (("task", "classes"), "well, ill"),
        (("models", 0, "artifact", "precision"), "int3"),
        (("models", 0, "point", "temperature"), "warm"),
        (("preprocess", "fit"), "stretch"),
        (("files",), ["a"]),
        (("unknown",), 1),
    ],
)
def test_schema_and_code_refuse_the_same(sealed: Path, refuses, place: tuple, value: object) -> None:
    plain = json.loads((sealed / "manifest.json").read_bytes())
    at = plain
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(manifest_schema()).validate(plain)
    with refuses(InputError, str(place[-1])):
        from_json(Manifest, json.dumps(plain).encode())


def test_every_field_without_a_default_is_required(sealed: Path) -> None:
    plain = json.loads((sealed / "manifest.json").read_bytes())
    for name in set(plain) - {"files"}:
        lacking = {key: value for key, value in plain.items() if key != name}
        assert not jsonschema.Draft202012Validator(manifest_schema()).is_valid(lacking), name
        with pytest.raises(InputError, match=name):
            from_json(Manifest, json.dumps(lacking).encode())
