"""The journal of a run: every finished stop under the digests of what it was made from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bedside.base.digest import Digest, digest_value
from bedside.base.errors import InputError
from bedside.base.files import write_atomic
from bedside.base.jsonform import from_json, to_json

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Finished stops in a folder, one JSON file each, named by stop and digest of inputs."""

    folder: Path
    on_reuse: Callable[[str], None] = lambda stop: None

    def key(self, inputs: object) -> Digest:
        """Digest of everything that a stop depends on."""
        return digest_value(inputs)

    def place(self, stop: str, inputs: object) -> Path:
        """Folder for the heavy files of a stop (weights, artifacts)."""
        return self.folder / f"{stop}-{self.key(inputs)[:16]}"

    def holds(self, name: str, inputs: object) -> bool:
        """Whether a stop was finished before."""
        return (self.folder / f"{name}-{self.key(inputs)[:16]}.json").is_file()

    def stop(self, name: str, kind: type[ValueT], inputs: object, make: Callable[[], ValueT]) -> ValueT:
        """Return the finished value of a stop, or make it and write it down.

        The value is written only when it is complete, so a stop that was interrupted is simply made again.
        """
        path = self.folder / f"{name}-{self.key(inputs)[:16]}.json"
        if path.is_file():
            try:
                value = from_json(kind, path.read_bytes(), where=path.name)
            except InputError:
                path.unlink()
            else:
                self.on_reuse(name)
                return value
        value = make()
        write_atomic(path, to_json(value))
        return value
