"""Keys and signatures."""

import contextlib
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bedside.base.errors import SignatureError, StorageError
from bedside.bundle.signing import (
    Signature,
    check_signature,
    default_key_path,
    fingerprint,
    load_or_create_key,
    public_key_of,
    sign,
)

# RFC 8032, section 7.1, test 2.
SECRET = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_signatures_are_those_of_the_rfc() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))
    assert sign(b"\x72", key) == Signature(algorithm="Ed25519", public_key=PUBLIC, signature=SIGNED)
    check_signature(b"\x72", sign(b"\x72", key))


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "signing.key"
    first, second = load_or_create_key(path), load_or_create_key(path)
    assert public_key_of(first) == public_key_of(second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key_of(load_or_create_key(tmp_path / "other.key")) != public_key_of(first)


def test_a_full_disk_leaves_no_half_key(tiny_disk: Path, refuses) -> None:
    """A key of no bytes would be taken for a broken one for ever after."""
    filler = tiny_disk / "filler"
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    path = tiny_disk / "signing.key"
    with refuses(StorageError, "full", str(path)):
        load_or_create_key(path)
    assert not path.exists()
    filler.unlink()
    load_or_create_key(path)


def pem(key, *, password: bytes | None = None) -> bytes:
    lock = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(ed25519.Ed25519PrivateKey.generate(), password=b"secret"),
    ],
    ids=["empty", "text", "broken", "another kind", "locked"],
)
def test_what_is_no_key_is_refused_and_left_alone(tmp_path: Path, refuses, content: bytes) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    with refuses(SignatureError, str(path)):
        load_or_create_key(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_key(tmp_path: Path, refuses) -> None:
    with refuses(StorageError, "cannot be written"):
        load_or_create_key(tmp_path)


def test_where_the_key_lies(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BEDSIDE_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key_path() == tmp_path / "bedside" / "signing.key"
    monkeypatch.setenv("BEDSIDE_KEY", str(tmp_path / "mine"))
    assert default_key_path() == tmp_path / "mine"


@pytest.mark.parametrize(
    "changed",
    [
        {"algorithm": "RSA"},
        {"algorithm": ""},
        {"public_key": "00" * 32},
        {"public_key": "00" * 31},
        {"public_key": "not hexadecimal"},
        {"public_key": ""},
        {"public_key": "é" * 64},
        {"signature": "00" * 64},
        {"signature": ""},
        {"signature": SIGNED[:-2]},
        {"signature": SIGNED + "00"},
        {"signature": "zz" * 64},
    ],
    ids=str,
)
def test_a_signature_that_does_not_match_is_refused(refuses, changed: dict[str, str]) -> None:
    good = {"algorithm": "Ed25519", "public_key": PUBLIC, "signature": SIGNED}
    with refuses(SignatureError):
        check_signature(b"\x72", Signature(**{**good, **changed}))


def test_other_data_is_refused(refuses) -> None:
    good = Signature(algorithm="Ed25519", public_key=PUBLIC, signature=SIGNED)
    for data in (b"", b"\x73", b"\x72\x00"):
        with refuses(SignatureError, "does not match"):
            check_signature(data, good)


def test_the_fingerprint_is_short_and_of_the_key() -> None:
    assert fingerprint(PUBLIC) == Signature(algorithm="Ed25519", public_key=PUBLIC, signature=SIGNED).fingerprint
    assert len(fingerprint(PUBLIC)) == 16
    assert fingerprint(PUBLIC) != fingerprint(SECRET)
