"""Exported step models: a stream of the file says what the batch says, and what the float model says."""

from pathlib import Path

import numpy as np
import pytest

from bedside.base.digest import digest_array
from bedside.base.errors import InputError, TraceError
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.data.preprocess import Preprocess
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session, exported_session
from bedside.export.stepping import n_state_of, observed_inputs
from bedside.runtime.session import logits, open_session
from bedside.runtime.stepping import SteppedSession, Stream
from bedside.runtime.toys import toy_artifact
from bedside.serve.watching import ClipSession, stream_of
from bedside.train.architecture import Architecture, build
from bedside.verify.operating_point import OperatingPoint

SPEC = TensorSpec(n_channels=1, height_px=24, width_px=24, n_frames=5)
RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(6, 5, 1, 24, 24)).astype(np.float32)


def network(family: str):
    """A network whose recurrent part speaks up, so that an error in the state is heard."""
    model = build(Architecture(family=family, width=0.5, spec=SPEC, n_classes=3), seed=0).eval()
    if family == "clip_gru":
        for parameter in (*model.cell.parameters(), model.recurrent.weight):
            parameter.data *= 4
    return model


def exported(model, format_: str, folder: Path):
    plan = QuantizationPlan(n_observed=len(CLIPS), observation=digest_array(CLIPS))
    job = ExportJob(model=model, spec=SPEC, n_classes=3, plan=plan, observed=CLIPS, folder=folder)
    return convert(job, format_)


@pytest.mark.parametrize(
    ("format_", "family"), [("litert", "clip_gru"), ("onnx", "clip_gru"), ("onnx", "clip_shift"), ("onnx", "clip_mean")]
)
def test_the_file_says_what_the_model_says(format_: str, family: str, tmp_path: Path) -> None:
    pytest.importorskip({"litert": "litert_torch", "onnx": "onnxruntime"}[format_])
    model = network(family)
    wanted = logits(eager_session(model), CLIPS)
    assert np.abs(logits(exported_session(model, SPEC), CLIPS) - wanted).max() < 1e-4
    fp32, int8 = (open_session(artifact, tmp_path) for artifact in exported(model, format_, tmp_path))
    assert np.abs(logits(fp32, CLIPS) - wanted).max() < 1e-4
    assert np.abs(logits(int8, CLIPS) - wanted).max() < 0.05 * max(1.0, float(np.ptp(wanted)))
    _check_streaming(int8)


def _check_streaming(session) -> None:
    """One frame at a time gives the batch's answer; after a reset nothing of the last clip is left."""
    assert isinstance(session, SteppedSession)
    stream, whole = Stream(session.source), logits(session, CLIPS[:2])
    shapes = set()
    for clip, wanted in zip(CLIPS[:2], whole, strict=True):
        stream.reset()
        for frame in clip:
            answer = stream.push(frame)
            shapes.add((stream.state.shape, stream.total.shape))
        np.testing.assert_allclose(answer, wanted, atol=1e-6)
        assert stream.n_frames == len(clip)
    assert len(shapes) == 1


def test_ranges_are_observed_with_the_states_that_frames_meet() -> None:
    model = network("clip_gru")
    met = observed_inputs(model, SPEC, CLIPS)
    assert {image.shape for image, _ in met} == {(1, 1, 24, 24)}
    empty = [not state.any() for _, state in met]
    assert any(empty)
    assert not all(empty)


def test_a_clip_is_watched_with_preprocessing_and_operating_point() -> None:
    model = network("clip_gru")
    session = exported_session(model, SPEC)
    preprocess = Preprocess(n_channels=1, height_px=24, width_px=24, n_frames=5)
    point = OperatingPoint(temperature=2.0, threshold_prob=None, positive=1, rule="most probable")
    frames = RNG.integers(0, 255, (5, 30, 40), dtype=np.uint8)
    watching = ClipSession(preprocess, point, stream_of(session))
    answers = [watching.push(frame) for frame in frames]
    wanted = point.probabilities(logits(session, preprocess.normalize(preprocess.clip(list(frames)))[None]))[0]
    np.testing.assert_allclose(answers[-1], wanted, atol=1e-6)
    assert watching.n_frames == 5
    watching.reset()
    np.testing.assert_allclose(watching.push(frames[0]), answers[0], atol=1e-6)


def test_a_model_of_images_is_not_streamed() -> None:
    artifact, folder, _, _ = toy_artifact("onnx")
    with pytest.raises(InputError, match="frame by frame"):
        stream_of(open_session(artifact, folder, check_digest=False))
    with pytest.raises(TraceError, match="frame by frame"):
        n_state_of(build(Architecture(family="fire", width=0.5, spec=SPEC, n_classes=2), seed=0))
