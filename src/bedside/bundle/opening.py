"""Open a bundle, folder or single file, and trust nothing in it before it is checked."""

import atexit
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bedside.base.digest import digest_file
from bedside.base.errors import BundleError, InputError, SchemaVersionError, TamperError
from bedside.base.jsonform import from_json
from bedside.bundle.manifest import SCHEMA_VERSION, Manifest, ShippedModel
from bedside.bundle.signing import Signature, check_signature

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
MAX_BYTES = 2 * 1024**3
MAX_FILES = 10_000
MAX_RATIO = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A checked bundle on disk."""

    folder: Path
    manifest: Manifest
    signature: Signature

    def model(self, format_: str | None = None, precision: str | None = None) -> ShippedModel:
        """Return the first model, or the one of a format and precision.

        Raises
        ------
        InputError
            If the bundle has none such.
        """
        for shipped in self.manifest.models:
            artifact = shipped.artifact
            if format_ in (None, artifact.format) and precision in (None, artifact.precision):
                return shipped
        have = ", ".join(shipped.artifact.name for shipped in self.manifest.models)
        raise InputError(f"no {format_ or ''} {precision or ''} model in {self.folder.name}", expected=f"one of {have}")

    def text(self, path: str) -> str:
        """Read a text file of the bundle."""
        return (self.folder / path).read_text(encoding="utf-8")

    @property
    def models_folder(self) -> Path:
        """Where the model files lie."""
        return self.folder / "models"


def open_bundle(path: Path | str, *, trusted: str | None = None) -> Bundle:
    """Open a bundle and check its schema version, signature and every digest.

    Parameters
    ----------
    path
        The folder or the ``.bedside`` file.
    trusted
        Public key or fingerprint that must have signed.

    Raises
    ------
    BundleError
        If it is not a bundle, or the zip is hostile.
    SchemaVersionError, SignatureError, TamperError
        If it is too new, or has been changed.
    """
    path = Path(path)
    if not path.exists():
        raise BundleError(f"{path} does not exist", expected="a bundle folder or a .bedside file")
    folder = path if path.is_dir() else _unpack(path)
    raw = _read(folder, MANIFEST, path)
    _check_version(raw, path)
    signature = _parse(Signature, _read(folder, SIGNATURE, path), path, SIGNATURE)
    check_signature(raw, signature, trusted=trusted)
    manifest = _parse(Manifest, raw, path, MANIFEST)
    _check_files(folder, manifest, path)
    return Bundle(folder=folder, manifest=manifest, signature=signature)


def _read(folder: Path, name: str, shown: Path) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise BundleError(f"{shown} has no {name}", expected="a bedside bundle", hint="check the path") from None


def _parse(kind: type, data: bytes, shown: Path, name: str):  # noqa: ANN202
    try:
        return from_json(kind, data, where=f"{shown}/{name}")
    except InputError as error:
        raise BundleError(error.message, expected=error.expected, hint="get the bundle again") from None


def _check_version(raw: bytes, shown: Path) -> None:
    import json

    try:
        version = json.loads(raw)["schema_version"]
    except (ValueError, KeyError, TypeError):
        raise BundleError(f"{shown}/{MANIFEST} is not a manifest", expected="JSON with schema_version") from None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{shown} has schema version {version}", expected=f"at most {SCHEMA_VERSION}", hint="pip install -U bedside"
        )


def _check_files(folder: Path, manifest: Manifest, shown: Path) -> None:
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink()}
    if extra := sorted(present - set(manifest.files) - {MANIFEST, SIGNATURE}):
        raise TamperError(f"{shown} holds files that its manifest does not list: {', '.join(extra[:5])}")
    for name, digest in manifest.files.items():
        _check_name(name, shown)
        file = folder / name
        if file.is_symlink() or not file.is_file():
            raise TamperError(f"{shown} lacks {name}", expected="every file of the manifest", hint="get it again")
        if digest_file(file) != digest:
            raise TamperError(
                f"{shown}: {name} has been changed", expected=f"SHA-256 {digest}", hint="get the bundle again"
            )


def _check_name(name: str, shown: Path) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or not name or ":" in name:
        raise BundleError(f"{shown} holds the hostile path {name!r}", expected="paths inside the bundle")


def _unpack(path: Path) -> Path:
    """Extract into a temporary folder that goes when the process ends."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path)
            folder = Path(tempfile.mkdtemp(prefix="bedside-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            for item in archive.infolist():
                _extract(archive, item, folder, path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} is not a readable bundle: {error}", hint="get the bundle again") from None
    return folder


def _check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    items = archive.infolist()
    if len(items) > MAX_FILES:
        raise BundleError(f"{path} holds {len(items)} files", expected=f"at most {MAX_FILES}")
    for item in items:
        _check_name(item.filename, path)
        if stat.S_ISLNK(item.external_attr >> 16):
            raise BundleError(f"{path} holds the link {item.filename!r}", expected="plain files")
    unpacked, packed = sum(i.file_size for i in items), max(1, sum(i.compress_size for i in items))
    if unpacked > MAX_BYTES or (unpacked > 1024**2 and unpacked / packed > MAX_RATIO):
        raise BundleError(
            f"{path} would unpack to {unpacked:,} bytes from {packed:,}",
            expected=f"at most {MAX_BYTES:,} bytes and a ratio of {MAX_RATIO}",
        )


def _extract(archive: zipfile.ZipFile, item: zipfile.ZipInfo, folder: Path, shown: Path) -> None:
    """Write one member, and no more of it than its header promised."""
    if item.is_dir():
        return
    target = folder / item.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    left = item.file_size
    with archive.open(item) as source, target.open("wb") as sink:
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise BundleError(f"{shown}: {item.filename} is larger than its header says")
            sink.write(block)
