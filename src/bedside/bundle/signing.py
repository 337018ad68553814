"""Ed25519 signatures (RFC 8032) over the manifest."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.base.digest import digest_bytes
from bedside.base.errors import SignatureError
from bedside.base.files import storage_errors

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature with the key that checks it, both hexadecimal."""

    algorithm: str
    public_key: str
    signature: str

    @property
    def fingerprint(self) -> str:
        """Short name of the key: the first 16 digits of its SHA-256."""
        return fingerprint(self.public_key)


def fingerprint(public_key: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a public key."""
    return digest_bytes(bytes.fromhex(public_key))[:16]


def default_key_path() -> Path:
    """``$BEDSIDE_KEY``, else ``signing.key`` in the user's settings folder."""
    if os.environ.get("BEDSIDE_KEY"):
        return Path(os.environ["BEDSIDE_KEY"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "bedside" / "signing.key"


def load_or_create_key(path: Path) -> "Ed25519PrivateKey":
    """Read the private key (PEM, PKCS #8), or make one that only this user can read.

    Raises
    ------
    SignatureError
        If the file is there and is not an Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not path.is_file():
        _write_key(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise SignatureError(
            f"{path} is not a private key: {error}", expected="PEM, PKCS #8, Ed25519", hint="name another with --key"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(
            f"{path} is not an Ed25519 key", expected="PEM, PKCS #8, Ed25519", hint="name another with --key"
        )
    return key


def _write_key(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(pem)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def public_key_of(key: "Ed25519PrivateKey") -> str:
    """Public half of a key, hexadecimal."""
    return key.public_key().public_bytes_raw().hex()


def sign(data: bytes, key: "Ed25519PrivateKey") -> Signature:
    """Sign bytes."""
    return Signature(algorithm="Ed25519", public_key=public_key_of(key), signature=key.sign(data).hex())


def check_signature(data: bytes, signature: Signature, *, trusted: str | None = None) -> None:
    """Check a signature, and the signer where one is asked for.

    Parameters
    ----------
    trusted
        Public key (hexadecimal) or fingerprint that must have signed.

    Raises
    ------
    SignatureError
        If the signature does not match, or somebody else signed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signature.algorithm != "Ed25519":
        raise SignatureError(f"signed with {signature.algorithm}", expected="Ed25519", hint="get the bundle again")
    try:
        key, mark = bytes.fromhex(signature.public_key), bytes.fromhex(signature.signature)
        if (key.hex(), mark.hex()) != (signature.public_key, signature.signature):
            raise ValueError("not in lower case")
        Ed25519PublicKey.from_public_bytes(key).verify(mark, data)
    except (InvalidSignature, ValueError):
        raise SignatureError(
            "the signature does not match the manifest", expected="an unchanged manifest", hint="get the bundle again"
        ) from None
    if trusted and trusted.lower() not in (signature.public_key, signature.fingerprint):
        raise SignatureError(
            f"signed by {signature.fingerprint}", expected=f"the trusted key {trusted}", hint="ask who made this bundle"
        )
