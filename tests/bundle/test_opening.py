"""Nothing in a bundle is trusted before it is checked; whatever is changed is noticed."""

import json
import os
import shutil
import stat
import struct
import tempfile
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bedside.base.errors import (
    BedsideError,
    BundleError,
    InputError,
    SchemaVersionError,
    SignatureError,
    StorageError,
    TamperError,
)
from bedside.base.jsonform import to_json
from bedside.bundle.manifest import SCHEMA_VERSION
from bedside.bundle.opening import open_bundle
from bedside.bundle.signing import fingerprint, load_or_create_key, public_key_of, sign
from bedside.bundle.unpacking import MAX_FILES

KEPT = {30, 31, 32, 33, 34}


def is_refused(path: Path) -> BedsideError:
    """The error; anything but a bundle's own, with a way out, fails the test."""
    with pytest.raises(BedsideError) as caught:
        open_bundle(path)
    error = caught.value
    assert error.exit_code in KEPT, error
    assert error.message
    assert error.expected, error
    assert error.hint, error
    return error


def packed(folder: Path) -> Path:
    return folder.with_name(folder.name + ".bedside")


@pytest.fixture
def unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundles in one file are unpacked."""
    place = tmp_path / "unpacking"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def hostile(tmp_path: Path):
    """Write a zip with the members that are named, some of them quite unlike a bundle's."""

    def write(*members: tuple[zipfile.ZipInfo | str, bytes], base: Path | None = None) -> Path:
        path = tmp_path / "hostile.bedside"
        if base:
            shutil.copy(base, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # zipfile warns of a name that stands twice
            with zipfile.ZipFile(path, "a" if base else "w", zipfile.ZIP_DEFLATED) as archive:
                for member, data in members:
                    archive.writestr(member, data)
        return path

    return write


# what is sound


def test_folder_and_file_are_one_bundle(sealed: Path, contents) -> None:
    from_folder, from_file = open_bundle(sealed), open_bundle(packed(sealed))
    assert from_folder.manifest == from_file.manifest
    assert from_folder.signature == from_file.signature
    assert contents(from_folder.folder) == contents(from_file.folder)
    assert from_file.folder != sealed


def test_it_opens_from_a_word_and_from_afar(sealed: Path, monkeypatch) -> None:
    monkeypatch.chdir(sealed.parent)
    assert open_bundle("toy").manifest.name == "toy"
    assert open_bundle("toy.bedside").text("model_card.md").startswith("# Toy\n\nBlüte")


def test_a_model_is_chosen_by_format_and_precision(sealed: Path, refuses) -> None:
    opened = open_bundle(sealed)
    assert opened.model() == opened.manifest.models[0]
    assert opened.model("litert").artifact.file == "litert_fp32.tflite"
    assert opened.model("litert", "fp32") == opened.model(precision="fp32")
    assert (opened.models_folder / opened.model().artifact.file).is_file()
    with refuses(InputError, "litert fp32"):
        opened.model("litert", "int8")
    with refuses(InputError, "executorch"):
        opened.model("executorch")


# one changed byte


def test_a_changed_byte_in_any_file_is_noticed(bundle: Path, contents) -> None:
    files = contents(bundle)
    assert len(files) >= 15
    for name, content in files.items():
        for position in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[position] ^= 1
            (bundle / name).write_bytes(changed)
            is_refused(bundle)
        (bundle / name).write_bytes(content)
    open_bundle(bundle)


@pytest.mark.parametrize("name", ["manifest.json", "signature.json"])
def test_a_changed_byte_anywhere_in_the_heads_is_noticed(bundle: Path, name: str) -> None:
    """Also one that changes the case of a hexadecimal digit, or one kind of blank into another."""
    content = (bundle / name).read_bytes()
    is_short = name == "signature.json"
    for position in range(0, len(content), 1 if is_short else 7):
        for mask in (0x01, 0x20, 0x80) if is_short else (0x01 << position % 8,):
            changed = bytearray(content)
            changed[position] ^= mask
            (bundle / name).write_bytes(changed)
            is_refused(bundle)


def test_bytes_that_are_added_or_taken_away_are_noticed(bundle: Path, contents) -> None:
    for name, content in contents(bundle).items():
        for changed in (b"", content[:-1], content + b"\n", b" " + content):
            (bundle / name).write_bytes(changed)
            is_refused(bundle)
        (bundle / name).write_bytes(content)


def test_a_missing_file_is_noticed(bundle: Path, contents) -> None:
    for name, content in contents(bundle).items():
        (bundle / name).unlink()
        is_refused(bundle)
        (bundle / name).write_bytes(content)


def test_a_changed_byte_in_the_packed_file_changes_nothing_or_is_noticed(
    sealed: Path, tmp_path: Path, contents
) -> None:
    """A date in a zip header may change; what comes out of it may not."""
    whole, path, sound = packed(sealed).read_bytes(), tmp_path / "toy.bedside", contents(sealed)
    n_refused = 0
    positions = [*range(0, len(whole), 149), *range(len(whole) - 400, len(whole), 7)]
    for position in positions:
        changed = bytearray(whole)
        changed[position] ^= 1 << (position % 8)
        path.write_bytes(changed)
        try:
            opened = open_bundle(path)
        except BedsideError as error:
            assert error.exit_code in KEPT, error
            assert error.expected, error
            assert error.hint, error
            n_refused += 1
        else:
            assert contents(opened.folder) == sound
    assert n_refused > len(positions) / 2


def test_a_packed_file_that_is_cut_short_is_refused(sealed: Path, tmp_path: Path) -> None:
    whole, path = packed(sealed).read_bytes(), tmp_path / "toy.bedside"
    for length in [*range(0, len(whole) - 1, 211), len(whole) - 1]:
        path.write_bytes(whole[:length])
        is_refused(path)


# what does not belong


def test_a_file_that_is_not_listed_is_refused(bundle: Path, refuses) -> None:
    (bundle / "evidence" / "autorun.sh").write_text("echo")
    with refuses(TamperError, "evidence/autorun.sh"):
        open_bundle(bundle)


def test_a_hidden_file_that_is_not_listed_is_refused(bundle: Path, refuses) -> None:
    (bundle / ".hidden").write_text("x")
    with refuses(TamperError, ".hidden"):
        open_bundle(bundle)


def test_a_link_is_refused_even_to_the_same_content(bundle: Path, tmp_path: Path, refuses) -> None:
    (bundle / "model_card.md").rename(tmp_path / "elsewhere.md")
    (bundle / "model_card.md").symlink_to(tmp_path / "elsewhere.md")
    with refuses(TamperError, "model_card.md"):
        open_bundle(bundle)


def test_a_linked_folder_is_refused(bundle: Path, tmp_path: Path, refuses) -> None:
    (bundle / "models").rename(tmp_path / "elsewhere")
    (bundle / "models").symlink_to(tmp_path / "elsewhere")
    with refuses(TamperError, "models"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["manifest.json", "signature.json"])
def test_a_linked_head_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    is_refused(bundle)


def test_a_pipe_is_refused_and_nobody_waits_for_it(bundle: Path) -> None:
    (bundle / "model_card.md").unlink()
    os.mkfifo(bundle / "model_card.md")
    is_refused(bundle)


def test_a_folder_in_the_place_of_a_file_is_refused(bundle: Path) -> None:
    for name in ("model_card.md", "signature.json", "manifest.json"):
        (bundle / name).unlink()
        (bundle / name).mkdir()
        is_refused(bundle)


def test_what_is_not_a_bundle_is_refused(tmp_path: Path, refuses) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.bedside").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    for name, word in [("absent", "does not exist"), ("notes.txt", "not a readable bundle"), ("empty.bedside", "not a"),
                       ("other.zip", "no manifest.json"), (".", "no manifest.json")]:  # fmt: skip
        with refuses(BundleError, word):
            open_bundle(tmp_path / name)


# who signed


def test_a_trusted_key_or_its_fingerprint_is_accepted(sealed: Path, key) -> None:
    public = public_key_of(key)
    for trusted in (public, fingerprint(public), public.upper(), fingerprint(public).upper()):
        assert open_bundle(sealed, trusted=trusted).signature.public_key == public


@pytest.mark.parametrize("trusted", ["0" * 64, "0" * 16, "not hexadecimal"])
def test_another_signer_is_refused(sealed: Path, refuses, trusted: str) -> None:
    with refuses(SignatureError, "the trusted key", trusted):
        open_bundle(sealed, trusted=trusted)


def test_half_a_fingerprint_is_not_enough(sealed: Path, key, refuses) -> None:
    with refuses(SignatureError):
        open_bundle(sealed, trusted=fingerprint(public_key_of(key))[:8])


def test_a_stranger_who_signs_again_is_noticed_by_who_knows_the_signer(
    bundle: Path, key, resign, tmp_path: Path, refuses
) -> None:
    (bundle / "model_card.md").write_text("# Cleared for diagnosis\n")
    stranger = load_or_create_key(tmp_path / "stranger.key")
    resign(bundle)
    signature = sign((bundle / "manifest.json").read_bytes(), stranger)
    (bundle / "signature.json").write_bytes(to_json(signature, indent=1))
    assert open_bundle(bundle).text("model_card.md") == "# Cleared for diagnosis\n"
    with refuses(SignatureError, fingerprint(public_key_of(stranger))):
        open_bundle(bundle, trusted=public_key_of(key))


def test_a_signature_of_something_else_is_refused(bundle: Path, key, refuses) -> None:
    (bundle / "signature.json").write_bytes(to_json(sign(b"something else", key), indent=1))
    with refuses(SignatureError, "does not match"):
        open_bundle(bundle)


# what was written by another version


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99, "1", 1.5, None, True])
def test_a_newer_schema_is_refused_before_anything_else_is_read(bundle: Path, resign, refuses, version: object) -> None:
    resign(bundle, schema_version=version)
    (bundle / "signature.json").write_bytes(b"{}")
    with refuses(SchemaVersionError, "pip install -U bedside"):
        open_bundle(bundle)


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_refused(bundle: Path, resign, version: int) -> None:
    resign(bundle, schema_version=version)
    is_refused(bundle)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 200_000,
        b'{"schema_version": 1}',
        b'{"schema_version": ' + b"9" * 9000 + b"}",
    ],
)
def test_a_manifest_that_is_none_is_refused(bundle: Path, text: bytes) -> None:
    (bundle / "manifest.json").write_bytes(text)
    is_refused(bundle)


# a signed manifest may be hostile too


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "C:/evil", "a\\b", ""])
def test_a_hostile_path_in_a_signed_manifest_is_refused(bundle: Path, resign, refuses, name: str) -> None:
    files = dict(open_bundle(bundle).manifest.files)
    resign(bundle, files=files | {name: "0" * 64})
    with refuses(BundleError, "hostile path"):
        open_bundle(bundle)


@pytest.mark.parametrize("change", ["path", "other file", "digest"])
def test_a_model_that_is_not_the_listed_file_is_refused(bundle: Path, resign, change: str) -> None:
    """The bedside loads a model without digesting it again, so what is loaded must be what was checked."""
    models = open_bundle(bundle).manifest.models
    shutil.copy(bundle / "models" / models[0].artifact.file, bundle.parent / "evil.tflite")
    wrong = {
        "path": {"file": "../../evil.tflite"},
        "other file": {"file": "absent.tflite"},
        "digest": {"digest": "0" * 64},
    }[change]
    spoilt = replace(models[0], artifact=replace(models[0].artifact, **wrong))
    resign(bundle, models=(spoilt, *models[1:]))
    is_refused(bundle)


def test_a_manifest_without_a_model_is_refused(bundle: Path, resign) -> None:
    resign(bundle, models=())
    is_refused(bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"task": {"classes": ["one"], "positive": 0, "kind": "classification"}},
        {"preprocess": {"n_channels": 7, "height_px": 8, "width_px": 8}},
        {"name": ...},
        {"models": 3},
    ],
    ids=str,
)
def test_nonsense_in_a_signed_manifest_is_refused(bundle: Path, key, change: dict[str, object]) -> None:
    plain = json.loads((bundle / "manifest.json").read_bytes()) | change
    raw = to_json({name: value for name, value in plain.items() if value is not ...}, indent=1)
    (bundle / "manifest.json").write_bytes(raw)
    (bundle / "signature.json").write_bytes(to_json(sign(raw, key), indent=1))
    is_refused(bundle)


# hostile archives


@pytest.mark.parametrize(
    "name", ["../evil", "models/../../evil", "/tmp/bedside-evil", "..\\evil", "C:evil", "C:/evil", "a/./../../evil"]
)
def test_an_archive_that_climbs_out_is_refused(hostile, sealed: Path, unpacking: Path, refuses, name: str) -> None:
    with refuses(BundleError, "hostile path"):
        open_bundle(hostile((name, b"x"), base=packed(sealed)))
    assert not Path("/tmp/bedside-evil").exists()
    assert list(unpacking.iterdir()) == []
    assert not list(unpacking.parent.glob("evil*"))


def test_an_archive_with_a_link_is_refused(hostile, sealed: Path, refuses) -> None:
    link = zipfile.ZipInfo("models/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with refuses(BundleError, "the link"):
        open_bundle(hostile((link, b"/etc/passwd"), base=packed(sealed)))


def test_an_archive_with_an_unlisted_file_is_refused(hostile, sealed: Path, unpacking: Path, refuses) -> None:
    with refuses(TamperError, "extra.txt"):
        open_bundle(hostile(("extra.txt", b"x"), base=packed(sealed)))
    assert list(unpacking.iterdir()) == [], "what was unpacked goes as soon as it is refused"


def test_a_bomb_is_refused_before_it_is_unpacked(hostile, sealed: Path, unpacking: Path, refuses) -> None:
    with refuses(BundleError, "would unpack to"):
        open_bundle(hostile(("bomb", bytes(60_000_000)), base=packed(sealed)))
    assert list(unpacking.iterdir()) == []


def test_too_many_files_are_refused(hostile, refuses) -> None:
    with refuses(BundleError, f"at most {MAX_FILES}"):
        open_bundle(hostile(*((f"f{i}", b"") for i in range(MAX_FILES + 1))))


@pytest.mark.parametrize("claimed", [1, 1000, 5_000_000])
def test_a_header_that_lies_about_the_size_is_refused(hostile, unpacking: Path, claimed: int) -> None:
    """The member holds 200 KB, or less than is claimed; only the size in the directory is believed by most readers."""
    path = hostile(("manifest.json", os.urandom(200_000)))
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", claimed)
    content[22:26] = struct.pack("<I", claimed)
    path.write_bytes(content)
    is_refused(path)
    assert list(unpacking.iterdir()) == []


def test_a_name_that_stands_twice_is_refused(hostile, sealed: Path) -> None:
    is_refused(hostile(("model_card.md", b"another card"), base=packed(sealed)))
    is_refused(hostile(("model_card.md", (sealed / "model_card.md").read_bytes()), base=packed(sealed)))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("x" * 300,), ("models",)])
def test_names_that_no_disk_can_hold_together_are_refused(hostile, sealed: Path, names: tuple[str, ...]) -> None:
    is_refused(hostile(*((name, b"x") for name in names), base=packed(sealed)))


def test_an_encrypted_member_and_an_unknown_compression_are_refused(hostile) -> None:
    for offset, value in ((6, b"\x01\x00"), (8, b"\x63\x00")):
        path = hostile(("manifest.json", b"{}"))
        content = bytearray(path.read_bytes())
        directory = content.rindex(b"PK\x01\x02")
        content[offset : offset + 2] = value
        content[directory + offset + 2 : directory + offset + 4] = value
        path.write_bytes(content)
        is_refused(path)


def test_a_full_disk_while_unpacking_is_a_storage_error_and_leaves_nothing(
    hostile, sealed: Path, tiny_disk: Path, monkeypatch, refuses
) -> None:
    path = hostile(("large", os.urandom(400_000)), base=packed(sealed))
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    with refuses(StorageError, "full"):
        open_bundle(path)
    assert list(tiny_disk.iterdir()) == []
