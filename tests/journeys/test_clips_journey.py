"""Clips from a source to a bundle that is verified, predicts clip files and watches frame by frame."""

from pathlib import Path

import numpy as np
import pytest

from bedside.bundle.golden import replay
from bedside.bundle.opening import open_bundle
from bedside.compress.presets import Preset
from bedside.data.phantom_clip import ClipPhantom
from bedside.data.sources import load_cohort
from bedside.pipeline import optimize
from bedside.runtime.session import open_session
from bedside.serve.predicting import Predictor
from bedside.serve.watching import ClipSession

TINY = Preset(
    name="tiny", reference_images=900, student_images=1200, max_epochs=(7, 9), n_views=2, n_candidates=1, image_px=32
)


@pytest.fixture(scope="module")
def clip_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run on the phantom clips."""
    out = tmp_path_factory.mktemp("clips") / "bundle"
    optimize(
        load_cohort("phantom:clip", n="150"), out=out, preset=TINY, formats=("litert",), margin=0.5, threads=1,
        key=out.with_name("key.pem"),
    )  # fmt: skip
    return out


def test_the_golden_clips_are_reproduced(clip_bundle: Path) -> None:
    bundle = open_bundle(clip_bundle)
    assert bundle.manifest.preprocess.n_frames == 8
    for shipped in bundle.manifest.models:
        session = open_session(shipped.artifact, bundle.models_folder)
        assert replay(clip_bundle, shipped, bundle.manifest.preprocess, session) < 1e-4


def test_a_clip_file_is_predicted_as_the_stream_of_its_frames(clip_bundle: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(clip_bundle)
    watching = ClipSession.of(predictor)
    for i in range(4):
        clip = ClipPhantom(seed=7).clip(i, goes_down=bool(i % 2))
        np.save(tmp_path / f"{i}.npy", clip)
        watching.reset()
        streamed = [watching.push(frame) for frame in clip][-1]
        (found,) = predictor.predict([tmp_path / f"{i}.npy"])
        np.testing.assert_allclose(found.probabilities, streamed, atol=1e-5)
        assert found.called in ("inspiration", "expiration")
