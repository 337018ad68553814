"""``kill -9`` at any stop, then again: finished stops are not redone, the digests are those of an undisturbed run."""

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bedside.bundle.opening import open_bundle

pytest.importorskip("torch", reason="the main job needs the workshop extra")
pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("small_run.py")
DEATHS = (
    "tick:2",
    "stop:4:1",
    "tick:3",
    "stop:6:1",
    "stop:7:2",
    "stop:8:1",
    "stop:5:2",
    "stop:9:1",
    "stop:10:1",
    "stop:11:1",
)


def run(out: Path, env: dict[str, str], kill_at: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(out), kill_at]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=600, check=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, journey_env: dict[str, str]) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = run(out, journey_env)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, journey_env: dict[str, str]) -> tuple[Path, list[str]]:
    """One run that dies ten times on its way; returns its folder and what each life printed."""
    out = tmp_path_factory.mktemp("killed") / "run"
    printed = []
    for death in DEATHS:
        done = run(out, journey_env, death)
        assert done.returncode == -signal.SIGKILL, f"{death}: {done.stdout}{done.stderr}"
        assert not out.exists(), f"{death}: a half-written bundle was left"
        printed.append(done.stdout)
    done = run(out, journey_env)
    assert done.returncode == 0, done.stderr
    printed.append(done.stdout)
    return out, printed


def test_the_digests_are_those_of_an_undisturbed_run(undisturbed: Path, killed: tuple[Path, list[str]]) -> None:
    expected, got = open_bundle(undisturbed), open_bundle(killed[0])
    lineage = [json.loads(b.text("evidence/lineage.json"))["stamps"] for b in (expected, got)]
    assert lineage[0] == lineage[1]
    assert got.manifest.content_digest == expected.manifest.content_digest


def test_finished_stops_are_not_redone(killed: tuple[Path, list[str]]) -> None:
    last = killed[1][-1]
    for stop in ("cohort", "reference", "teacher", "model", "artifact", "parity", "profile", "evidence"):
        assert f"note {stop}: found in the journal" in last
    assert "note reference: found in the journal" in killed[1][2]


def test_nothing_half_written_is_left(killed: tuple[Path, list[str]]) -> None:
    leftovers = [path for path in killed[0].parent.rglob(".*") if path.name.endswith((".tmp", ".old"))]
    assert leftovers == []


def test_fresh_starts_again(undisturbed: Path, cli, tmp_path: Path) -> None:
    work = tmp_path / "x.work"
    work.mkdir()
    (work / "stale.json").write_text("{}")
    done = cli("optimize", "phantom:ultrasound", "--out", tmp_path / "x", "--fresh", "--size-kib", "0.001")
    assert done.returncode == 20
    assert not (work / "stale.json").exists()


def test_ctrl_c_says_how_to_go_on(journey_env: dict[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable, "-u", "-m", "bedside", "optimize", "phantom:ultrasound", "--preset", "quick", "--threads", "1",
        "--out", str(tmp_path / "x"),
    ]  # fmt: skip
    # A shell that runs the tests in its background has them ignore SIGINT, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=journey_env, preexec_fn=heed
    ) as running:
        assert running.stdout
        assert running.stderr
        for line in running.stdout:
            if "3 reference" in line:
                break
        running.send_signal(signal.SIGINT)
        complaint = running.stderr.read()
    assert running.returncode == 130
    assert "run the same command again" in complaint
    assert "Traceback" not in complaint
    assert not (tmp_path / "x").exists()
