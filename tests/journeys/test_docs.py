"""Every command that the README and the docs show is run, in the order in which a reader would."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside.bundle.opening import open_bundle
from bedside.data.phantom import Phantom

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
ELSEWHERE = {
    "make demo": "test_make_demo",
    "make test": "test_ci_runs_what_the_readme_says",
    "make check": "test_ci_runs_what_the_readme_says",
    "pip install .": "test_the_ward_installs_alone",
}
"""Commands that a test below runs by itself."""

EXPECTED_CODES = {"too-fast": 20}
"""Exit code of a command that names this word; every other one must end with 0."""

Cli = Callable[..., subprocess.CompletedProcess[str]]


def commands(page: Path) -> list[str]:
    """Lines that begin with ``$`` in the console blocks of a page."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def shown() -> list[str]:
    """Every command of every page."""
    return [line for page in PAGES for line in commands(page)]


@pytest.fixture
def desk(phantom_bundle: Path, tmp_path: Path) -> Path:
    """A folder as the pages assume it: the finished phantom run as ``my-bundle``, and some X-rays of a fracture."""
    shutil.copytree(phantom_bundle, tmp_path / "my-bundle")
    shutil.copy(phantom_bundle.with_name("bundle.bedside"), tmp_path / "my-bundle.bedside")
    shutil.copytree(phantom_bundle.with_name("bundle.work"), tmp_path / "my-bundle.work")
    phantom = Phantom(size_px=24)
    rows = ["file,label,patient_id,split,group"]
    (tmp_path / "xrays").mkdir()
    for i in range(160):
        Image.fromarray(phantom.image(i, has_lesion=bool(i % 2))).save(tmp_path / "xrays" / f"{i:04}.png")
        rows.append(f"{i:04}.png,{('normal', 'fracture')[i % 2]},p{i // 2},,")
    (tmp_path / "xrays" / "metadata.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.workshop
@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page(cli: Cli, desk: Path, page: Path) -> None:
    fingerprint = open_bundle(desk / "my-bundle").signature.fingerprint
    for line in commands(page):
        if line in ELSEWHERE:
            assert ELSEWHERE[line] in globals()
            continue
        words = shlex.split(line.replace("FINGERPRINT", fingerprint))
        assert words[0] == "bedside", f"{line!r} is shown, and no test runs it"
        done = cli(*words[1:], cwd=desk)
        wanted = next((code for word, code in EXPECTED_CODES.items() if word in words), 0)
        assert done.returncode == wanted, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr


def test_pages_show_commands() -> None:
    """Else the test above could not fail."""
    assert len(shown()) > 10
    assert {line.split()[0] for line in shown()} == {"bedside", "make", "pip"}


@pytest.mark.workshop
@pytest.mark.slow
def test_the_tutorials_python_runs(desk: Path, journey_env: dict[str, str]) -> None:
    page = (ROOT / "docs" / "tutorials" / "first-bundle.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=desk, env=journey_env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("lesion", "no lesion"))


def test_the_plugin_of_the_how_to_is_a_source() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-plugin.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Callable] = {}
    exec(program, names)
    cohort = names["load"]("40", {})
    assert len(cohort.cases) == 40
    dark, bright = (np.mean([c.pixels.mean() for c in cohort.cases if c.label == k]) for k in (0, 1))
    assert dark < bright


def test_the_plugin_groups_of_the_how_to_are_the_codes() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-plugin.md").read_text()
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    groups = set(re.findall(r'Seam\[.*?\] = Seam\(\s*"(bedside\.\w+)"', code))
    assert groups == set(re.findall(r"^\| `(bedside\.\w+)`", page, re.MULTILINE))


@pytest.mark.parametrize("script", ["make_reference.py", "make_figures.py"])
def test_pages_that_are_made_are_up_to_date(script: str) -> None:
    pages = runpy.run_path(str(ROOT / "scripts" / script))["pages"]()
    assert pages
    for path, text in pages.items():
        assert path.read_text() == text, f"{path.name} is out of date: python scripts/{script}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_extras_that_the_pages_name_exist() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name for page in PAGES for name in re.findall(r"'\.\[(\w+)\]'", page.read_text())}
    assert named
    assert named <= set(extras)


def test_ci_runs_what_the_readme_says() -> None:
    """`make test` runs `make check` and then pytest; CI runs the README's test command and no other."""
    assert "make test" in shown()
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"
    done = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    for word in ("check", "ruff", "pyright", "lint-imports", "pytest"):
        assert word in done.stdout


@pytest.mark.workshop
@pytest.mark.slow
def test_make_demo(journey_env: dict[str, str], tmp_path: Path) -> None:
    """The README's first command, on real chest X-rays where they are at hand."""
    binaries = Path(sys.executable).parent.parent
    done = subprocess.run(
        ["make", "demo", f"VENV={binaries}", f"DEMO_OUT={tmp_path / 'demo-bundle'}"],
        cwd=ROOT, env=journey_env, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("About", "AUROC", "sensitivity", "specificity", "size", "latency", "memory", "energy"):
        assert word in done.stdout
    for word in ("report.html", "bedside predict", "non-inferiority"):
        assert word in done.stdout
    assert open_bundle(tmp_path / "demo-bundle").manifest.models[0].artifact.size_kib <= 300


@pytest.mark.slow
def test_the_ward_installs_alone(tmp_path: Path) -> None:
    """`pip install .` in an empty venv: no torch, and the doctor finds a runtime that works."""
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    subprocess.run(
        [binaries / "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run([binaries / "bedside", "doctor"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout
    listed = subprocess.run([binaries / "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "torch" not in listed
