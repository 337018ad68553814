"""Every format computes what the network does, obeys the quantization plan, and gives the same bytes twice."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")

from bedside.base.digest import digest_array
from bedside.base.seam import missing
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.export.exported import eager_session, exported_session
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=1, height_px=28, width_px=28)


def make_job(folder: Path, family: str = "depthwise", width: float = 0.5) -> ExportJob:
    """A network whose batch norms have seen data, so that its ranges are those of a trained one."""
    model = build(Architecture(family=family, width=width, spec=SPEC, n_classes=2), seed=0)
    observed = np.random.default_rng(0).normal(size=(64, *SPEC.shape)).astype(np.float32)
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.from_numpy(observed))
    plan = QuantizationPlan(n_observed=64, observation=digest_array(observed))
    return ExportJob(model=model.eval(), spec=SPEC, n_classes=2, plan=plan, observed=observed, folder=folder)


def sqnr_db(reference: np.ndarray, got: np.ndarray) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - got) ** 2).sum()))


@pytest.fixture(params=CONVERTERS.names())
def format_(request: pytest.FixtureRequest) -> str:
    if lacking := missing(CONVERTERS.get(request.param).requires):
        pytest.skip("pip install " + " ".join(lacking))
    return request.param


def test_fp32_is_exact_and_int8_is_close(format_: str, tmp_path: Path) -> None:
    job = make_job(tmp_path)
    fp32, int8 = convert(job, format_)
    reference = logits(eager_session(job.model), job.observed)
    np.testing.assert_allclose(logits(open_session(fp32, tmp_path), job.observed), reference, atol=1e-4)
    assert sqnr_db(reference, logits(open_session(int8, tmp_path), job.observed)) > 18
    assert int8.size_bytes < fp32.size_bytes
    assert not (tmp_path / "raw.tflite").exists()


def test_the_largest_logits_are_not_clipped(format_: str, tmp_path: Path) -> None:
    job = make_job(tmp_path)
    reference = logits(eager_session(job.model), job.observed)
    (int8,) = convert(job, format_, ("int8",))
    got = logits(open_session(int8, tmp_path), job.observed)
    rows = np.argsort(np.abs(reference).max(axis=1))[-5:]
    np.testing.assert_allclose(got[rows], reference[rows], atol=0.12 * np.ptp(reference))


def test_the_same_job_gives_the_same_bytes(format_: str, tmp_path: Path) -> None:
    first = convert(make_job(tmp_path / "a"), format_)
    second = convert(make_job(tmp_path / "b"), format_)
    assert [a.digest for a in first] == [a.digest for a in second]


def test_files_hold_no_local_paths(format_: str, tmp_path: Path) -> None:
    for artifact in convert(make_job(tmp_path), format_):
        data = (tmp_path / artifact.file).read_bytes()
        assert b"site-packages" not in data
        assert str(Path.home()).encode() not in data or str(Path.home()) == "/"


def test_the_exported_graph_is_the_network(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    eager, graph = eager_session(job.model), exported_session(job.model, SPEC)
    np.testing.assert_allclose(logits(graph, job.observed[:8]), logits(eager, job.observed[:8]), atol=1e-5)


@pytest.mark.parametrize("family", ["residual", "fire", "depthwise"])
def test_no_operator_of_the_int8_litert_file_is_left_in_float(family: str, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    from ai_edge_litert.interpreter import Interpreter

    (int8,) = convert(make_job(tmp_path, family), "litert", ("int8",))
    details = Interpreter(model_path=str(tmp_path / int8.file)).get_tensor_details()
    floats = [detail for detail in details if detail["dtype"] == np.float32]
    assert len(floats) == 2, "only the input and the output are float"


def test_shrinking_keeps_every_output_bit(tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    import litert_torch
    from ai_edge_litert.interpreter import Interpreter

    from bedside.base.quiet import quiet
    from bedside.export.shrinking import shrink_tflite

    job = make_job(tmp_path)
    with quiet(tmp_path / "log"):
        litert_torch.convert(job.model, (torch.zeros(1, *SPEC.shape),)).export(str(tmp_path / "raw.tflite"))
    raw = (tmp_path / "raw.tflite").read_bytes()
    small = shrink_tflite(raw)
    assert len(small) < len(raw)
    assert shrink_tflite(small) == small

    def outputs(data: bytes) -> np.ndarray:
        interpreter = Interpreter(model_content=data)
        interpreter.allocate_tensors()
        rows = []
        for image in job.observed[:10]:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        return np.concatenate(rows)

    np.testing.assert_array_equal(outputs(small), outputs(raw))
