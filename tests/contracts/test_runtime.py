"""Whoever writes a runtime inherits these promises."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bedside.base.digest import digest_file
from bedside.base.errors import MissingPackageError, PluginError, RuntimeFailureError
from bedside.base.seam import Requirement, missing
from bedside.base.task import TensorSpec
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import RUNTIMES, Session, logits, open_session
from bedside.runtime.toys import toy_artifact


class Toy(NamedTuple):
    artifact: Artifact
    folder: Path
    image: np.ndarray
    logits: np.ndarray


@pytest.fixture(scope="module", params=RUNTIMES.names())
def toy(request: pytest.FixtureRequest) -> Toy:
    """The adapter's own model of a few hundred bytes."""
    if lacking := missing(RUNTIMES.get(request.param).requires):
        pytest.skip("pip install " + " ".join(map(repr, lacking)))
    return Toy(*toy_artifact(request.param))


@pytest.fixture
def session(toy: Toy) -> Session:
    return open_session(toy.artifact, toy.folder)


@pytest.fixture
def copied(toy: Toy, tmp_path: Path) -> Path:
    """The model file in a folder of its own, to be spoilt."""
    return Path(shutil.copy(toy.folder / toy.artifact.file, tmp_path))


def batch(toy: Toy, n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, *toy.artifact.spec.shape)).astype(np.float32)


def test_the_known_answer_is_given(toy: Toy, session: Session) -> None:
    np.testing.assert_allclose(logits(session, toy.image[None])[0], toy.logits, atol=1e-5)


def test_logits_are_float32_of_one_row_an_image(toy: Toy, session: Session) -> None:
    got = session.run({"image": batch(toy, 3)})
    assert list(got) == ["logits"]
    assert got["logits"].shape == (3, toy.artifact.n_classes)
    assert got["logits"].dtype == np.float32


def test_a_batch_is_its_images_one_by_one(toy: Toy, session: Session) -> None:
    images = batch(toy, 5)
    one_by_one = np.concatenate([logits(session, image[None]) for image in images])
    np.testing.assert_allclose(logits(session, images), one_by_one, rtol=1e-6)
    assert len(np.unique(one_by_one[:, 0])) == 5, "the answers must differ for this to mean anything"


def test_the_input_is_left_alone(toy: Toy, session: Session) -> None:
    images = batch(toy, 2)
    before = images.copy()
    session.run({"image": images})
    np.testing.assert_array_equal(images, before)


def test_an_answer_is_not_overwritten_by_the_next(toy: Toy, session: Session) -> None:
    first = logits(session, toy.image[None])
    kept = first.copy()
    logits(session, -toy.image[None])
    np.testing.assert_array_equal(first, kept)


def test_a_run_leaves_no_trace_in_the_next(toy: Toy, session: Session) -> None:
    before = logits(session, toy.image[None])
    logits(session, np.full((1, *toy.artifact.spec.shape), np.nan, np.float32))
    np.testing.assert_array_equal(logits(session, toy.image[None]), before)


def test_the_layout_and_width_of_the_input_do_not_matter(toy: Toy, session: Session) -> None:
    images = batch(toy, 2)
    expected = logits(session, images)
    for same in (np.asfortranarray(images), images.astype(np.float64), images[::-1][::-1], np.flip(images, 0)[::-1]):
        np.testing.assert_allclose(logits(session, same), expected, rtol=1e-6)


def test_threads_do_not_change_the_answer(toy: Toy, session: Session) -> None:
    other = open_session(toy.artifact, toy.folder, threads=2)
    np.testing.assert_allclose(logits(other, toy.image[None]), logits(session, toy.image[None]), rtol=1e-5)


@pytest.mark.parametrize("change", ["taller", "more channels", "no batch"])
def test_an_image_of_another_shape_gets_no_answer(toy: Toy, session: Session, change: str) -> None:
    channels, height, width = toy.artifact.spec.shape
    shape = {
        "taller": (1, channels, height + 1, width),
        "more channels": (1, channels + 2, height, width),
        "no batch": (channels, height, width),
    }[change]
    with pytest.raises(Exception, match=r".+"):
        session.run({"image": np.zeros(shape, np.float32)})


@pytest.mark.parametrize("content", [b"", b"not a model" * 100, "half"], ids=["empty", "text", "half"])
def test_a_file_that_is_no_model_is_refused(refuses, toy: Toy, copied: Path, content: bytes | str) -> None:
    whole = copied.read_bytes()
    copied.write_bytes(whole[: len(whole) // 3] if content == "half" else content)
    artifact = replace(toy.artifact, digest=digest_file(copied))
    with refuses(RuntimeFailureError, str(copied), toy.artifact.format):
        open_session(artifact, copied.parent)


def test_a_file_that_is_not_the_verified_one_is_refused(refuses, toy: Toy, copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(content)
    with refuses(RuntimeFailureError, "not the file that was verified", toy.artifact.digest):
        open_session(toy.artifact, copied.parent)


def test_a_missing_file_is_refused(refuses, toy: Toy, tmp_path: Path) -> None:
    with refuses(RuntimeFailureError, "does not exist", toy.artifact.file):
        open_session(toy.artifact, tmp_path)


def test_a_model_for_another_input_is_refused(refuses, toy: Toy) -> None:
    spec = toy.artifact.spec
    other = TensorSpec(n_channels=spec.n_channels, height_px=spec.height_px + 1, width_px=spec.width_px)
    with refuses(RuntimeFailureError, "expected", str(other.height_px)):
        open_session(replace(toy.artifact, spec=other), toy.folder)


def test_the_runtime_says_its_version(toy: Toy) -> None:
    assert RUNTIMES.get(toy.artifact.format).version()[0].isdigit()


def test_the_toy_is_what_its_artifact_says(toy: Toy) -> None:
    path = toy.folder / toy.artifact.file
    assert path.stat().st_size == toy.artifact.size_bytes
    assert digest_file(path) == toy.artifact.digest
    assert toy.artifact.size_kib == toy.artifact.size_bytes / 1024


def test_a_runtime_that_is_not_installed_is_answered_with_the_pip_line(toy: Toy, monkeypatch) -> None:
    absent = replace(
        RUNTIMES.get(toy.artifact.format), requires=(Requirement("no_such_runtime", "no-such-runtime>=2"),)
    )
    monkeypatch.setattr(type(RUNTIMES), "get", lambda seam, name: absent)
    with pytest.raises(MissingPackageError, match="pip install 'no-such-runtime>=2'"):
        open_session(toy.artifact, toy.folder)


def test_an_unknown_format_is_refused(refuses, toy: Toy) -> None:
    with refuses(PluginError, "tflite3"):
        open_session(replace(toy.artifact, format="tflite3"), toy.folder)


def test_every_runtime_gives_one_answer() -> None:
    """The toys are one network in several formats."""
    answers = {}
    for name in RUNTIMES.names():
        if not missing(RUNTIMES.get(name).requires):
            artifact, folder, image, _ = toy_artifact(name)
            answers[name] = logits(open_session(artifact, folder), np.stack([image, -image, image * 0.3]))
    if len(answers) < 2:
        pytest.skip("fewer than two runtimes are installed")
    first, *others = answers.values()
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)
