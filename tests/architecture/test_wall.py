"""The ward runs where torch, TensorFlow and JAX are not; and the front door opens quickly."""

import json
import re
from pathlib import Path

import pytest

import bedside

WARD = ("base", "data", "runtime", "verify", "bundle", "serve")
BARRED = ("torch", "torchvision", "timm", "tensorflow", "jax", "jaxlib", "litert_torch", "ai_edge_quantizer", "torchao")
REPORT = ("onnx", "onnxruntime", "executorch", "matplotlib", "jinja2")

IMPORT_ALL = """
import importlib, json, pkgutil, sys

class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BARRED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

ROOMS, BARRED = json.loads(sys.argv[1])
sys.meta_path.insert(0, Bar())
imported, failed = [], {}
for room in ROOMS:
    package = importlib.import_module(f"bedside.{room}")
    names = [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))]
    for name in names:
        try:
            importlib.import_module(name)
            imported.append(name)
        except ImportError as error:
            failed[name] = str(error)
present = [name for name in BARRED if name in sys.modules]
print(json.dumps([imported, failed, present]))
"""

PREDICT = """
import json, sys

class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "tensorflow", "jax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Bar())
from bedside.cli.doctoring import self_test
print(json.dumps(self_test("litert")))
"""


def modules_of(rooms: tuple[str, ...]) -> set[str]:
    """Module names by the files on disk, so that none can hide from the walk."""
    root = Path(bedside.__file__).parent
    paths = [path.relative_to(root.parent).with_suffix("") for room in rooms for path in (root / room).rglob("*.py")]
    return {".".join(path.parts).removesuffix(".__init__") for path in paths}


@pytest.mark.parametrize("barred", [BARRED, BARRED + REPORT], ids=["workshop", "and every optional package"])
def test_every_module_of_the_ward_imports_without_the_workshops_packages(python, barred: tuple[str, ...]) -> None:
    done = python(IMPORT_ALL, json.dumps([WARD, barred]))
    assert done.returncode == 0, done.stderr
    imported, failed, present = json.loads(done.stdout)
    assert failed == {}
    assert present == []
    assert set(imported) == modules_of(WARD)


def test_the_bar_does_bar(python) -> None:
    """Else the test above could not fail."""
    done = python(IMPORT_ALL, json.dumps([["train"], ["torch"]]))
    assert done.returncode == 0, done.stderr
    _, failed, _ = json.loads(done.stdout)
    assert "bedside.train.fitting" in failed


def test_a_model_runs_without_torch(python) -> None:
    done = python(PREDICT)
    assert done.stdout.strip().endswith('"passed"'), done.stdout + done.stderr


def imported_by(python, statement: str) -> dict[str, int]:
    """Modules and microseconds, from ``python -X importtime``."""
    done = python(statement, options=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"import time:\s+\d+ \|\s+(\d+) \|\s+(\S+)", done.stderr)
    assert rows
    return {name: int(total_us) for total_us, name in rows}


def test_the_front_door_imports_next_to_nothing(python) -> None:
    found = imported_by(python, "import bedside")
    for heavy in ("numpy", "pydicom", "PIL", "pydantic", "cryptography", "typer", "rich", *BARRED):
        assert heavy not in found, heavy
    assert {name for name in found if name.startswith("bedside")} <= {"bedside", "bedside.base", "bedside.base.version"}


def test_the_command_line_does_not_import_the_workshop(python) -> None:
    found = imported_by(python, "import bedside.cli.app")
    for heavy in ("torch", "numpy", "pydicom", "timm", "onnx", "matplotlib"):
        assert heavy not in found, heavy


def test_every_public_name_can_be_had(python) -> None:
    done = python(
        "import bedside; print([getattr(bedside, name) is not None for name in bedside.__all__].count(False))"
    )
    assert done.stdout.strip() == "0", done.stderr
    assert set(bedside.__all__) == set(dir(bedside)), "and tab completion shows them"


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        bedside.optimise  # noqa: B018
