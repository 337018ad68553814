"""The bill of materials: valid CycloneDX, complete, and the same each time."""

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from bedside.bundle.pack.closure import closure
from bedside.bundle.pack.sbom import Shipped, sbom_json
from bedside.runtime.toys import toy_artifact

pytest.importorskip("packaging")
WARD = {"bedside", "numpy", "pillow", "pydicom", "ai-edge-litert", "cryptography", "pydantic", "typer", "rich"}
WORKSHOP = {"torch", "timm", "executorch", "matplotlib", "jinja2", "scikit-learn", "pytest"}


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return Shipped(name="toy", version="0.0.0", models=(toy_artifact("litert")[0],))


@pytest.fixture(scope="module")
def bill(shipped: Shipped) -> dict[str, Any]:
    return json.loads(sbom_json(shipped))


def packages_of(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in bill["components"] if part["type"] != "machine-learning-model"}


def test_it_is_valid_cyclonedx(shipped: Shipped, bill: dict[str, Any]) -> None:
    schema = pytest.importorskip("cyclonedx.schema")
    pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(sbom_json(shipped)) is None
    spoilt = bill | {"components": [{"type": "gadget", "name": "x"}]}
    assert validator.validate_str(json.dumps(spoilt)) is not None, "else the test could not fail"


def test_it_holds_the_ward_and_not_the_workshop(bill: dict[str, Any]) -> None:
    packages = packages_of(bill)
    assert set(packages) >= WARD
    assert not set(packages) & WORKSHOP
    assert all(part["version"] == version(name) for name, part in packages.items())
    assert all(part["scope"] == "required" for part in packages.values())
    assert all(part["licenses"] for part in packages.values())


def test_the_model_stands_under_its_digest(shipped: Shipped, bill: dict[str, Any]) -> None:
    (model,) = [part for part in bill["components"] if part["type"] == "machine-learning-model"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": shipped.models[0].digest}]


def test_the_graph_is_the_one_that_pip_sees(bill: dict[str, Any]) -> None:
    """`pip show` reads the same metadata with an implementation of its own."""
    packages = packages_of(bill)
    done = subprocess.run([sys.executable, "-m", "pip", "show", *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no pip in this environment")
    seen: dict[str, set[str]] = {}
    for block in done.stdout.split("\n---\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        needs = fields.get("Requires", "").split(", ")
        seen[canonicalize_name(fields["Name"])] = {canonicalize_name(n) for n in needs if n}
    ref = {part["bom-ref"]: name for name, part in packages.items()}
    graph = {ref[d["ref"]]: {ref[r] for r in d.get("dependsOn", ())} for d in bill["dependencies"] if d["ref"] in ref}
    assert {name: needs & set(packages) for name, needs in seen.items()} == graph
    assert set().union(*graph.values()) | {"bedside"} == set(packages), "nothing stands there that nobody needs"


def test_a_further_runtime_is_optional() -> None:
    pytest.importorskip("onnxruntime")
    models = (toy_artifact("litert")[0], toy_artifact("onnx")[0])
    packages = packages_of(json.loads(sbom_json(Shipped(name="two", version="0", models=models))))
    assert packages["onnxruntime"]["scope"] == "optional"
    assert packages["numpy"]["scope"] == "required"
    alone = packages_of(json.loads(sbom_json(Shipped(name="one", version="0", models=models[1:]))))
    assert alone["onnxruntime"]["scope"] == "required", "the first format is the one that the ward runs"


def test_equal_runs_give_equal_bytes_and_other_ones_another_number(shipped: Shipped) -> None:
    assert sbom_json(shipped) == sbom_json(shipped)
    other = json.loads(sbom_json(Shipped(name="other", version="0.0.0", models=shipped.models)))
    assert other["serialNumber"] != json.loads(sbom_json(shipped))["serialNumber"]


def test_an_extra_is_followed_only_where_it_is_asked_for() -> None:
    assert "onnxruntime" not in closure(("bedside",))
    assert "onnxruntime" in closure(("bedside[onnx]",))
    both = closure(("bedside[onnx]", "bedside"))
    assert both == closure(("bedside", "bedside[onnx]"))
    assert "onnxruntime" in both["bedside"].needs


def test_what_is_not_installed_is_not_part_of_it() -> None:
    assert closure(("no-such-package-anywhere",)) == {}
