"""One JSON form for every value, there and back."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from bedside.base.errors import CohortError, InputError
from bedside.base.jsonform import from_json, json_schema, read_json, to_json
from bedside.base.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    name: str
    value: float
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    leaves: tuple[Leaf, ...]
    by_name: dict[str, tuple[float, ...]]
    best: Leaf | None = None
    table: tuple[tuple[int, ...], ...] = ()
    flag: bool = False
    notes: dict[str, dict[str, int]] = field(default_factory=dict)


TREE = Tree(
    leaves=(Leaf(name="Blüte „α“\n", value=0.1 + 0.2), Leaf(name="", value=-1e-300, kind="b")),
    by_name={"z": (1.0, 2.5), "a": ()},
    best=Leaf(name="x", value=1e22),
    table=((1, 2), (3, 4)),
    flag=True,
    notes={"b": {"y": 1, "x": 2}},
)


def test_a_nested_value_comes_back_equal() -> None:
    assert from_json(Tree, to_json(TREE)) == TREE
    assert from_json(Tree, to_json(TREE, indent=1)) == TREE


def test_a_container_of_values_comes_back_equal() -> None:
    assert from_json(tuple[Leaf, ...], to_json(TREE.leaves)) == TREE.leaves


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_come_back(value: float) -> None:
    back = from_json(Leaf, to_json(Leaf(name="", value=value))).value
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_the_form_is_canonical() -> None:
    one, other = {"b": 1, "a": {"d": 2, "c": 3}}, {"a": {"c": 3, "d": 2}, "b": 1}
    assert to_json(one) == to_json(other) == b'{"a":{"c":3,"d":2},"b":1}'


def test_the_indented_form_is_for_people() -> None:
    text = to_json(TREE, indent=1).decode()
    assert text.endswith("}\n")
    assert "Blüte" in text, "umlauts stay readable"
    assert json.loads(text) == json.loads(to_json(TREE))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "the top level"),
        (b"{", "the top level"),
        (b"\xff\xfe", "the top level"),
        (b"[]", "the top level"),
        (b"null", "the top level"),
        (b'{"name": "x"}', "value"),
        (b'{"name": "x", "value": "much"}', "value"),
        (b'{"name": 3, "value": 1}', "name"),
        (b'{"name": "x", "value": 1, "kind": "c"}', "kind"),
        (b"[" * 100_000, "the top level"),
    ],
)
def test_bad_json_is_refused_and_the_place_is_named(refuses, text: bytes, word: str) -> None:
    with refuses(InputError, word, "here.json", "Leaf"):
        from_json(Leaf, text, where="here.json")


def test_the_place_of_a_deep_fault_is_spelled_out(refuses) -> None:
    broken = to_json(TREE).replace(b'"kind":"b"', b'"kind":"q"')
    with refuses(InputError, "leaves.1.kind"):
        from_json(Tree, broken)


def test_a_value_still_refuses_nonsense_when_it_is_read_back() -> None:
    with pytest.raises(CohortError, match="nothing to tell apart"):
        from_json(Task, b'{"classes": ["one"], "positive": 0}')


def test_a_file_is_read_under_its_name(refuses, tmp_path: Path) -> None:
    path = tmp_path / "leaf.json"
    path.write_bytes(to_json(TREE.leaves[0]))
    assert read_json(Leaf, path) == TREE.leaves[0]
    path.write_bytes(b"{}")
    with refuses(InputError, "leaf.json"):
        read_json(Leaf, path)


def test_the_schema_fits_the_form() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema(Tree))
    validator.validate(json.loads(to_json(TREE)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"leaves": []})
