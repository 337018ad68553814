"""What every test may lean on: the real data, a helpful-error check, a disk that fills up."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from bedside.base.errors import BedsideError

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("OMP_NUM_THREADS", "1")

Refuses = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real medical images: $BEDSIDE_DATA, else ../shared/data beside the repository."""
    places = [Path(os.environ["BEDSIDE_DATA"])] if os.environ.get("BEDSIDE_DATA") else []
    places.append(ROOT.parent / "shared" / "data")
    for place in places:
        if (place / "README.md").is_file():
            return place.resolve()
    pytest.skip(f"no real data: neither $BEDSIDE_DATA nor {places[-1]} is there")


@pytest.fixture
def medmnist_here(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let `medmnist:NAME` find the official files wherever the tests are run from."""
    monkeypatch.setenv("BEDSIDE_DATA", str(shared_data))
    return shared_data / "medmnist_28"


@pytest.fixture(scope="session")
def refuses() -> Refuses:
    """``with refuses(Kind, "word"):`` the block raises just that class, and the error says what to do next."""

    @contextmanager
    def check(kind: type[BedsideError], *words: str) -> Iterator[None]:
        with pytest.raises(BedsideError) as caught:
            yield
        error = caught.value
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert error.message, "the error does not say what was got"
        assert error.expected, f"the error does not say what was expected: {error}"
        assert error.hint, f"the error does not say what to do next: {error}"
        for word in words:
            assert word in str(error), f"{word!r} is not in: {error}"

    return check


@pytest.fixture
def tiny_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A real file system of 128 KiB, or of what an indirect parameter says; writing more meets ENOSPC."""
    size_kib = getattr(request, "param", 128)
    place = tmp_path / "tiny_disk"
    place.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(place)], capture_output=True, check=False
        )
    except OSError:
        pytest.skip("no mount command")
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a fresh interpreter."""

    def run(program: str, *arguments: object, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *options, "-c", program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def files_below(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, hidden ones too, by relative path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Content of every file below a folder, by relative path."""
    return files_below
