"""An index of very many image files: in parallel, with flat memory, and resumable at any file."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bedside.base.errors import BedsideError, InputError, StorageError
from bedside.data.headers import Header, read_header

_BATCH = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, kind TEXT NOT NULL, height INTEGER,
    width INTEGER, n_channels INTEGER, n_frames INTEGER, modality TEXT, patient TEXT, series TEXT, digest TEXT,
    error TEXT, seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY, folder TEXT NOT NULL, done INTEGER NOT NULL);
"""


class Entry(NamedTuple):
    """One file, relative to the folder, before it is read."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What one run of `build_index` did."""

    n_files: int
    n_read: int
    n_unchanged: int
    n_gone: int
    n_quarantined: int


def build_index(
    folder: Path,
    index: Path,
    *,
    processes: int = 2,
    digests: bool = True,
    tick: Callable[[int], None] = lambda done: None,
) -> IndexReport:
    """Write what every file below `folder` is into the SQLite file `index`.

    Only headers are parsed. A file whose size and time of change are those of the index is not read again, so that a
    run that was stopped goes on where it was; files that are gone leave the index when a run ends. Hidden files and
    folders are passed over. Files that cannot be read, links that lead nowhere or to a folder among them, stay in the
    index with the reason (`quarantined`).

    Parameters
    ----------
    processes
        How many read; the calling process only writes. 1 reads in the calling process.
    digests
        Also take the SHA-256 of each file.
    tick
        Called with the number of files done, after each batch.

    Raises
    ------
    InputError
        If there is no folder, one below it cannot be listed, or the index belongs to another one.
    StorageError
        If the index cannot be written.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise InputError(f"{folder} is not a folder", expected="a folder of images", hint="check the path")
    try:
        with closing(_opened(index)) as store:
            number = _begin(store, root, index)
            n_files = n_read = 0
            for batch in _rows(root, store, number, processes, digests):
                store.executemany(f"REPLACE INTO files VALUES ({','.join('?' * 14)})", batch.fresh)
                store.executemany("UPDATE files SET seen = ? WHERE path = ?", [(number, path) for path in batch.known])
                store.commit()
                n_files += len(batch.fresh) + len(batch.known)
                n_read += len(batch.fresh)
                tick(n_files)
            gone = store.execute("DELETE FROM files WHERE seen <> ?", (number,)).rowcount
            store.execute("UPDATE runs SET done = 1 WHERE number = ?", (number,))
            store.commit()
            bad = store.execute("SELECT count(*) FROM files WHERE error IS NOT NULL").fetchone()[0]
    except sqlite3.Error as error:
        raise StorageError(
            f"{index} cannot be used as an index: {error}",
            expected="a writable SQLite file",
            hint="choose another path",
        ) from None
    return IndexReport(n_files=n_files, n_read=n_read, n_unchanged=n_files - n_read, n_gone=gone, n_quarantined=bad)


def quarantined(index: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, reason) of every file that could not be read, in the order of paths."""
    with closing(_opened(index)) as store:
        yield from store.execute("SELECT path, error FROM files WHERE error IS NOT NULL ORDER BY path")


def _opened(index: Path) -> sqlite3.Connection:
    index.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(index)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = NORMAL")
    store.executescript(_SCHEMA)
    return store


def _begin(store: sqlite3.Connection, root: Path, index: Path) -> int:
    """Number of this run; an unfinished one goes on."""
    last = store.execute("SELECT number, folder, done FROM runs ORDER BY number DESC LIMIT 1").fetchone()
    if last and last[1] != str(root):
        raise InputError(
            f"{index} is the index of {last[1]}", expected=f"a new file for {root}", hint="choose another path"
        )
    number = last[0] + 1 if last else 1
    store.execute("INSERT INTO runs VALUES (?, ?, 0)", (number, str(root)))
    store.commit()
    return number


class _Batch(NamedTuple):
    fresh: list[tuple[object, ...]]
    known: list[str]


def _rows(root: Path, store: sqlite3.Connection, number: int, processes: int, digests: bool) -> Iterator[_Batch]:
    """Batches of rows; at most two a process are under way, so that memory does not grow with the folder."""
    batches = (_sorted_out(store, batch) for batch in _batched(_walk(root)))
    jobs = ((str(root), fresh, known, number, digests) for fresh, known in batches)
    if processes <= 1:
        yield from map(_read_batch, jobs)
        return
    with get_context("spawn").Pool(processes) as pool:
        waiting = [pool.apply_async(_read_batch, (job,)) for job in islice(jobs, 2 * processes)]
        while waiting:
            yield waiting.pop(0).get()
            waiting += [pool.apply_async(_read_batch, (job,)) for job in islice(jobs, 1)]


def _walk(root: Path) -> Iterator[Entry]:
    """Every visible file, folder by folder, by relative path with forward slashes."""
    folders = [""]
    while folders:
        below = folders.pop()
        with _listed(root / below) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                elif entry.is_file() or entry.is_symlink():
                    state = entry.stat(follow_symlinks=entry.is_file())
                    yield Entry(name, state.st_size, state.st_mtime_ns)


def _listed(folder: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed: {error.strerror}",
            expected="a readable folder",
            hint="make it readable and run again: the index goes on where it was",
        ) from None


def _batched(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    stream = iter(entries)
    while batch := list(islice(stream, _BATCH)):
        yield batch


def _sorted_out(store: sqlite3.Connection, batch: list[Entry]) -> tuple[list[Entry], list[str]]:
    """Part a batch into what must be read and what the index knows already."""
    marks = ",".join("?" * len(batch))
    query = f"SELECT path, size, mtime_ns FROM files WHERE path IN ({marks})"
    known = set(store.execute(query, [entry.path for entry in batch]))
    fresh = [entry for entry in batch if entry not in known]
    return fresh, [entry.path for entry in batch if entry in known]


def _read_batch(job: tuple[str, list[Entry], list[str], int, bool]) -> _Batch:
    root, fresh, known, number, digests = job
    return _Batch([_row(Path(root), entry, number, digests) for entry in fresh], known)


def _row(root: Path, entry: Entry, number: int, digests: bool) -> tuple[object, ...]:
    path, header, digest, error = root / entry.path, Header(kind="unknown"), None, None
    try:
        content = path.read_bytes() if digests else None
        digest = sha256(content).hexdigest() if content is not None else None
        header = read_header(path, content)
    except BedsideError as problem:
        error = problem.message
    except OSError as problem:
        error = f"{path} cannot be read: {problem.strerror}"
    return (*entry, *header.row(), digest, error, number)
