"""A bundle appears whole or not at all, and the same inputs give the same bytes."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from bedside.base.errors import InputError, StorageError
from bedside.bundle.opening import open_bundle
from bedside.bundle.sealing import SealJob, pack, seal


def test_what_went_in_is_there(sealed: Path, job: SealJob, contents) -> None:
    files = contents(sealed)
    manifest = open_bundle(sealed).manifest
    assert set(files) == set(manifest.files) | {"manifest.json", "signature.json"}
    assert files["report.html"].decode() == job.texts["report.html"]
    assert files["model_card.md"].decode() == job.texts["model_card.md"]
    for model, shipped in zip(job.models, manifest.models, strict=True):
        assert files[f"models/{shipped.artifact.file}"] == (model.folder / model.artifact.file).read_bytes()
        assert shipped.artifact.digest == model.artifact.digest
    assert manifest.task == job.task
    assert manifest.preprocess == job.preprocess
    assert manifest.is_phantom


def test_packing_twice_gives_the_same_bytes(sealed: Path, tmp_path: Path) -> None:
    assert pack(sealed, tmp_path / "a.bedside") == pack(sealed, tmp_path / "b.bedside")
    assert (tmp_path / "a.bedside").read_bytes() == (tmp_path / "b.bedside").read_bytes()
    assert (tmp_path / "a.bedside").read_bytes() == sealed.with_name("toy.bedside").read_bytes()


def test_the_packed_file_holds_the_folder_and_no_more(sealed: Path, contents) -> None:
    with zipfile.ZipFile(sealed.with_name("toy.bedside")) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents(sealed)
        assert archive.namelist() == sorted(archive.namelist())


def test_sealing_twice_at_one_stated_time_gives_the_same_bytes(
    job: SealJob, key, tmp_path: Path, monkeypatch, contents
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for place in ("one", "other"):
        seal(job, tmp_path / place / "toy", key)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    assert open_bundle(tmp_path / "one" / "toy").manifest.created == "2023-11-14T22:13:20+00:00"


def test_the_content_digest_is_of_what_a_repeated_run_reproduces(
    job: SealJob, key, sealed: Path, tmp_path: Path
) -> None:
    def content_of(changed: SealJob) -> str:
        return seal(changed, tmp_path / "again", key).manifest.content_digest

    before = open_bundle(sealed).manifest.content_digest
    assert content_of(job) == before
    assert content_of(replace(job, texts=dict(job.texts, **{"report.html": "another time"}))) == before
    assert content_of(replace(job, values=dict(job.values, **{"evidence/profile.json": {"latency_ms": 9.0}}))) == before
    assert content_of(replace(job, values=dict(job.values, **{"evidence/evidence.json": {"auroc": 0.8}}))) != before
    assert content_of(replace(job, preprocess=replace(job.preprocess, std=100.0))) != before
    assert content_of(replace(job, models=job.models[:1])) != before or len(job.models) == 1


def test_a_bundle_is_replaced_by_the_next_one(job: SealJob, key, tmp_path: Path) -> None:
    seal(replace(job, name="first"), tmp_path / "toy", key)
    seal(replace(job, name="second"), tmp_path / "toy", key)
    assert open_bundle(tmp_path / "toy").manifest.name == "second"
    assert open_bundle(tmp_path / "toy.bedside").manifest.name == "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy", "toy.bedside"]


def test_an_empty_folder_may_be_filled(job: SealJob, key, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    seal(job, tmp_path / "toy", key)
    open_bundle(tmp_path / "toy")


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_not_a_bundle_is_not_replaced(job: SealJob, key, tmp_path: Path, refuses, contents, kind: str) -> None:
    out = tmp_path / "thesis"
    if kind == "folder":
        out.mkdir()
        (out / "chapter1.txt").write_text("four years of work")
    else:
        out.write_text("four years of work")
    before = contents(tmp_path)
    with refuses(InputError, "thesis", "--out"):
        seal(job, out, key)
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_nothing(job: SealJob, key, tiny_disk: Path, refuses) -> None:
    (tiny_disk / "filler").write_bytes(bytes(90_000))
    with refuses(StorageError, "full"):
        seal(job, tiny_disk / "toy", key)
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


@pytest.mark.parametrize("tiny_disk", [320], indirect=True)
def test_a_disk_that_is_full_at_the_second_time_leaves_the_first_bundle(
    job: SealJob, key, tiny_disk: Path, refuses, contents
) -> None:
    """At every amount of room: folder and file stay one bundle, the old one or the new one."""
    seal(job, tiny_disk / "toy", key)
    before, n_refused, n_sealed = contents(tiny_disk), 0, 0
    for filler in range(0, 180_000, 8192):
        (tiny_disk / "filler").write_bytes(bytes(filler))
        try:
            seal(replace(job, name=f"with {filler}"), tiny_disk / "toy", key)
        except StorageError:
            n_refused += 1
            (tiny_disk / "filler").unlink()
            assert contents(tiny_disk) == before
        else:
            n_sealed += 1
            (tiny_disk / "filler").unlink()
            assert open_bundle(tiny_disk / "toy").manifest == open_bundle(tiny_disk / "toy.bedside").manifest
            before = contents(tiny_disk)
    assert n_refused > 5
    assert n_sealed > 2


def test_a_full_disk_keeps_no_half_of_a_packed_file(sealed: Path, tiny_disk: Path, refuses) -> None:
    (tiny_disk / "filler").write_bytes(bytes(126_000))
    with refuses(StorageError, "full"):
        pack(sealed, tiny_disk / "toy.bedside")
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


def test_an_error_while_sealing_leaves_nothing(job: SealJob, key, tmp_path: Path) -> None:
    absent = replace(job.models[0], folder=tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        seal(replace(job, models=(absent,)), tmp_path / "toy", key)
    assert list(tmp_path.iterdir()) == []
