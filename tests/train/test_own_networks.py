"""A user's own network and its weights, and what is said when either is wrong."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.errors import InputError
from bedside.base.task import TensorSpec
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import load_weights, save_weights, weights_digest
from bedside.train.own_networks import load_own_weights
from bedside.train.resizing import resized

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=8, width_px=8)
SOURCE = """
from torch import nn

def make():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 2))

def needs(width):
    return make()

number = 3
listing = list
"""


def own(where: str) -> Architecture:
    return Architecture(family=f"python:{where}", width=1.0, spec=SPEC, n_classes=2)


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_nets_of_a_test.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own_nets_of_a_test.py"


def test_a_file_and_a_module_are_found(nets: Path) -> None:
    for where in (f"{nets}:make", "own_nets_of_a_test.py:make", "own_nets_of_a_test:make"):
        assert build(own(where), seed=0)(torch.zeros(2, *SPEC.shape)).shape == (2, 2)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nowhere.py:make", ("nowhere.py",)),
        ("no_such_package.nets:make", ("no_such_package",)),
        ("own_nets_of_a_test.py:mak", ("'mak'",)),
        ("own_nets_of_a_test.py:number", ("'number'",)),
        ("own_nets_of_a_test.py:needs", ("cannot be called",)),
        ("own_nets_of_a_test.py:listing", ("returns list",)),
        ("make", ("does not name a network",)),
    ],
)
def test_a_wrong_name_is_refused(nets: Path, where: str, words: tuple[str, ...], refuses) -> None:
    with refuses(InputError, *words):
        build(own(where), seed=0)


def test_weights_of_both_kinds_are_loaded(nets: Path, tmp_path: Path) -> None:
    model = build(own(f"{nets}:make"), seed=1)
    save_weights(model, tmp_path / "w.safetensors")
    torch.save({"state_dict": model.state_dict()}, tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        again = load_own_weights(build(own(f"{nets}:make"), seed=2), tmp_path / name)
        assert weights_digest(again) == weights_digest(model)


def test_wrong_weights_are_refused(nets: Path, tmp_path: Path, refuses) -> None:
    model = build(own(f"{nets}:make"), seed=1)
    torch.save(model, tmp_path / "code.pt")
    torch.save({"strange": torch.zeros(1)}, tmp_path / "other.pt")
    torch.save({**model.state_dict(), "0.bias": torch.zeros(9)}, tmp_path / "shape.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    for name, word in (("code.pt", "cannot be read"), ("other.pt", "0.bias"), ("shape.pt", "0.bias"),
                       ("broken.safetensors", "cannot be read"), ("absent.pt", "no weights at")):  # fmt: skip
        with refuses(InputError, word):
            load_own_weights(build(own(f"{nets}:make"), seed=1), tmp_path / name)


@pytest.mark.parametrize("family", ["residual", "depthwise", "fire"])
def test_a_narrower_networks_weights_make_the_wider_one_narrow(family: str, tmp_path: Path) -> None:
    spec = TensorSpec(n_channels=1, height_px=16, width_px=16)
    narrow, wide = (
        build(Architecture(family=family, width=width, spec=spec, n_classes=2), seed=0).eval() for width in (0.5, 1.0)
    )
    save_weights(narrow, tmp_path / "w.safetensors")
    again = load_weights(wide, tmp_path / "w.safetensors")
    image = torch.randn(2, *spec.shape)
    assert torch.equal(again(image), narrow(image))


def test_equal_widths_are_left_as_they_are() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3))
    before = model[0].weight
    assert resized(model, model.state_dict())[0].weight is before
