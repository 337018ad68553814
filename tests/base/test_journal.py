"""A finished stop is never made twice; an unfinished one leaves no trace."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bedside.base.errors import StorageError
from bedside.base.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    number: int
    words: tuple[str, ...] = ()


class Maker:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.n_made = 0

    def __call__(self) -> Result:
        self.n_made += 1
        return Result(number=self.n_made, words=("x",))


def test_a_stop_is_made_once(tmp_path: Path) -> None:
    make, reused = Maker(), []
    for _ in range(3):
        # A new journal each time: the folder is the memory, not the object.
        value = Journal(folder=tmp_path, on_reuse=reused.append).stop("fit", Result, ["a", 1], make)
        assert value == Result(number=1, words=("x",))
    assert make.n_made == 1
    assert reused == ["fit", "fit"]


@pytest.mark.parametrize("inputs", [["a", 2], ["b", 1], [1, "a"], {"a": 1}, ["a", 1, None]])
def test_other_inputs_are_another_stop(tmp_path: Path, inputs: object) -> None:
    journal, make = Journal(folder=tmp_path), Maker()
    journal.stop("fit", Result, ["a", 1], make)
    journal.stop("fit", Result, inputs, make)
    journal.stop("export", Result, ["a", 1], make)
    assert make.n_made == 3
    assert journal.key(["a", 1]) != journal.key(inputs)
    assert journal.place("fit", ["a", 1]) != journal.place("fit", inputs)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"number": "many"}', b"\x00\xff" * 50, b'{"words": []}'])
def test_a_corrupt_record_is_made_again(tmp_path: Path, damage: bytes) -> None:
    journal, make = Journal(folder=tmp_path), Maker()
    journal.stop("fit", Result, "in", make)
    (record,) = tmp_path.glob("*.json")
    record.write_bytes(damage)
    assert journal.stop("fit", Result, "in", make).number == 2
    assert journal.stop("fit", Result, "in", make).number == 2, "the second record is sound"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failing_stop_writes_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    journal, make = Journal(folder=tmp_path), Maker()

    def fail() -> Result:
        raise failure

    with pytest.raises(failure):
        journal.stop("fit", Result, "in", fail)
    assert list(tmp_path.iterdir()) == []
    assert journal.stop("fit", Result, "in", make).number == 1


def test_a_full_disk_leaves_no_half_record(refuses, tiny_disk: Path) -> None:
    journal = Journal(folder=tiny_disk)
    with refuses(StorageError, "full"):
        journal.stop("fit", Result, "in", lambda: Result(number=1, words=("long " * 20_000,) * 10))
    assert list(tiny_disk.iterdir()) == []
