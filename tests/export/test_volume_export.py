"""Networks of volumes leave through every format as 2-D operations, fp32 exact and int8 close."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")

from bedside.base.digest import digest_array
from bedside.base.seam import missing
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=1, depth_px=8, height_px=16, width_px=24)


def make_job(folder: Path, family: str) -> ExportJob:
    model = build(Architecture(family=family, width=0.25, spec=SPEC, n_classes=3), seed=0)
    observed = np.random.default_rng(0).normal(size=(8, *SPEC.shape)).astype(np.float32)
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.from_numpy(observed))
    plan = QuantizationPlan(n_observed=8, observation=digest_array(observed))
    return ExportJob(model=model.eval(), spec=SPEC, n_classes=3, plan=plan, observed=observed, folder=folder)


@pytest.fixture(scope="module", params=[("litert", "unet3d"), ("onnx", "net3d")], ids="-".join)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExportJob, tuple[Artifact, ...]]:
    format_, family = request.param
    if lacking := missing(CONVERTERS.get(format_).requires):
        pytest.skip("pip install " + " ".join(lacking))
    job = make_job(tmp_path_factory.mktemp("export"), family)
    return job, convert(job, format_)


def test_fp32_is_exact_and_int8_is_close(made: tuple[ExportJob, tuple[Artifact, ...]]) -> None:
    job, (fp32, int8) = made
    reference = logits(eager_session(job.model), job.observed)
    assert reference.shape[1:] in ((3, 8, 16, 24), (3,))
    exact = logits(open_session(fp32, job.folder), job.observed)
    np.testing.assert_allclose(exact, reference, atol=1e-4)
    assert exact.flags.c_contiguous
    close = logits(open_session(int8, job.folder), job.observed)
    noise = ((reference - close) ** 2).sum()
    assert 10 * np.log10((reference**2).sum() / noise) > 15
    assert int8.size_bytes < fp32.size_bytes


def test_a_litert_file_holds_no_three_dimensional_operation(made: tuple[ExportJob, tuple[Artifact, ...]]) -> None:
    job, artifacts = made
    if artifacts[0].format != "litert":
        pytest.skip("ONNX has one Conv for every rank")
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    for artifact in artifacts:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((job.folder / artifact.file).read_bytes(), 0))
        used = {names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes}
        assert not {name for name in used if "3D" in name}
        if artifact.precision == "int8":
            inner = [t for graph in model.subgraphs for t in graph.tensors if t.type == schema.TensorType.FLOAT32]
            assert len(inner) == 2, "all but the two borders is int8"
