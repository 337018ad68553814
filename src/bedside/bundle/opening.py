"""Open a bundle, folder or single file, and trust nothing in it before it is checked."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bedside.base.digest import digest_file
from bedside.base.errors import BundleError, InputError, SchemaVersionError, SignatureError, TamperError
from bedside.base.jsonform import from_json, to_json
from bedside.bundle.manifest import SCHEMA_VERSION, Manifest, ShippedModel
from bedside.bundle.signing import Signature, check_signature
from bedside.bundle.unpacking import check_name, unpack
from bedside.runtime.skipping import Skipping
from bedside.verify.abstention import AbstentionRules
from bedside.verify.gate import AcceptanceGate

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
GATE = "gate.json"
"""The acceptance gate; a bundle may lack it, and then judges every image."""
ABSTAIN = "abstain.json"
"""Prediction sets and referral rules; a bundle may lack them, and then gives one class a case."""
SKIPPING = "skipping.json"
"""Which tiles of a large volume are not run; a bundle may lack it, and then runs every tile."""
HeldT = TypeVar("HeldT")
_AGAIN = "get the bundle again"


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
        raise InputError(
            f"no {format_ or ''} {precision or ''} model in {self.folder.name}",
            expected=f"one of {have}",
            hint="see --format and --precision",
        )

    def text(self, path: str) -> str:
        """Read a text file of the bundle."""
        return (self.folder / path).read_text(encoding="utf-8")

    def gate(self) -> AcceptanceGate | None:
        """Read the acceptance gate, or None where the bundle was sealed without one.

        Raises
        ------
        BundleError
            If it is listed but is not a gate.
        """
        return self._held(AcceptanceGate, GATE)

    def abstention(self) -> AbstentionRules | None:
        """Read the prediction sets and referral rules, or None where the bundle was sealed without them.

        Raises
        ------
        BundleError
            If they are listed but are none.
        """
        return self._held(AbstentionRules, ABSTAIN)

    def skipping(self) -> Skipping | None:
        """Read which tiles of a large volume are not run, or None where the bundle runs every tile.

        Raises
        ------
        BundleError
            If it is listed but is no such rule.
        """
        return self._held(Skipping, SKIPPING)

    def _held(self, kind: type[HeldT], name: str) -> HeldT | None:
        if name not in self.manifest.files:
            return None
        return _parse(kind, (self.folder / name).read_bytes(), self.folder, name)

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
        raise BundleError(
            f"{path} does not exist", expected="a bundle folder or a .bedside file", hint="check the path"
        )
    if path.is_dir():
        return _checked(path, path, trusted)
    folder = unpack(path)
    try:
        return _checked(folder, path, trusted)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _checked(folder: Path, shown: Path, trusted: str | None) -> Bundle:
    raw, mark = _read(folder, MANIFEST, shown), _read(folder, SIGNATURE, shown)
    _check_version(raw, shown)
    signature = _parse(Signature, mark, shown, SIGNATURE)
    if to_json(signature, indent=1) != mark:
        raise SignatureError(f"{shown}/{SIGNATURE} has been changed", expected="its one form", hint=_AGAIN)
    check_signature(raw, signature, trusted=trusted)
    manifest = _parse(Manifest, raw, shown, MANIFEST)
    _check_files(folder, manifest, shown)
    _check_models(manifest, shown)
    return Bundle(folder=folder, manifest=manifest, signature=signature)


def _read(folder: Path, name: str, shown: Path) -> bytes:
    file = folder / name
    if file.is_symlink() or not file.is_file():
        raise BundleError(f"{shown} has no {name}", expected="a bedside bundle", hint="check the path")
    return file.read_bytes()


def _parse(kind: type, data: bytes, shown: Path, name: str):
    try:
        return from_json(kind, data, where=f"{shown}/{name}")
    except InputError as error:
        raise BundleError(error.message, expected=error.expected, hint=_AGAIN) from None


def _check_version(raw: bytes, shown: Path) -> None:
    import json

    try:
        version = json.loads(raw)["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError(
            f"{shown}/{MANIFEST} is not a manifest", expected="JSON with schema_version", hint=_AGAIN
        ) from None
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{shown} has schema version {version}", expected=f"1 to {SCHEMA_VERSION}", hint="pip install -U bedside"
        )


def _check_files(folder: Path, manifest: Manifest, shown: Path) -> None:
    for name in manifest.files:
        check_name(name, shown)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
    if extra := sorted(present - set(manifest.files) - {MANIFEST, SIGNATURE}):
        raise TamperError(
            f"{shown} holds files that its manifest does not list: {', '.join(extra[:5])}",
            expected="the files of the manifest and no others",
            hint=_AGAIN,
        )
    for name, digest in manifest.files.items():
        file = folder / name
        if file.is_symlink() or not file.is_file():
            raise TamperError(f"{shown} lacks {name}", expected="every file of the manifest", hint=_AGAIN)
        if digest_file(file) != digest:
            raise TamperError(f"{shown}: {name} has been changed", expected=f"SHA-256 {digest}", hint=_AGAIN)


def _check_models(manifest: Manifest, shown: Path) -> None:
    """What the bedside loads, without digesting it again, is what was digested here."""
    for shipped in manifest.models:
        if manifest.files.get(f"models/{shipped.artifact.file}") != shipped.artifact.digest:
            raise BundleError(
                f"{shown}: {MANIFEST} does not list the model {shipped.artifact.file} under its digest",
                expected="every model among the files",
                hint=_AGAIN,
            )
    if not manifest.models:
        raise BundleError(f"{shown} holds no model", expected="one at least", hint=_AGAIN)
