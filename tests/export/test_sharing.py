"""Shared weights are one constant in every format, and a clustered ONNX file keeps its codebook."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")

from bedside.base.digest import digest_array
from bedside.base.seam import missing
from bedside.base.task import TensorSpec
from bedside.compress.codebooks import bind, unbind
from bedside.compress.quantization import QuantizationPlan
from bedside.export.coding import pack_codes, unpacking_table, with_codebooks
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=1, height_px=16, width_px=16)


def job_of(family: str, folder: Path, n_centroids: int = 0, width: float = 1.0) -> ExportJob:
    model = build(Architecture(family=family, width=width, spec=SPEC, n_classes=2), seed=0)
    observed = np.random.default_rng(0).normal(size=(16, *SPEC.shape)).astype(np.float32)
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.from_numpy(observed))
    if n_centroids:
        bind(model, n_centroids)
        unbind(model)
    plan = QuantizationPlan(n_observed=16, observation=digest_array(observed))
    return ExportJob(model=model.eval(), spec=SPEC, n_classes=2, plan=plan, observed=observed, folder=folder)


def n_shared_bytes(model: "torch.nn.Module") -> int:
    """Bytes, one a weight, of the pointwise convolutions that every pass shares."""
    return sum(p.numel() for name, p in model.named_parameters() if ".mixers." in name and p.ndim == 4)


@pytest.mark.parametrize("format_", ["litert", "onnx", "executorch"])
def test_a_weight_of_three_passes_is_in_the_file_once(format_: str, tmp_path: Path) -> None:
    if lacking := missing(CONVERTERS.get(format_).requires):
        pytest.skip("pip install " + " ".join(lacking))
    job = job_of("recursive:3", tmp_path)
    # lowering to ExecuTorch is slow, and its int8 file is the one whose graph takes shared weights apart
    *floats, int8 = convert(job, format_, ("int8",) if format_ == "executorch" else ("fp32", "int8"))
    n_once = n_shared_bytes(job.model)
    n_all = sum(p.numel() for p in job.model.parameters())
    reference = logits(eager_session(job.model), job.observed)
    for fp32 in floats:
        assert fp32.size_bytes < 4 * (n_all + n_once), "a second copy would need more"
        np.testing.assert_allclose(logits(open_session(fp32, tmp_path), job.observed), reference, atol=1e-4)
    assert int8.size_bytes < n_all + n_once + 60_000
    got = logits(open_session(int8, tmp_path), job.observed)
    assert np.abs(got - reference).max() < 0.15 * np.ptp(reference)
    data = (tmp_path / int8.file).read_bytes()
    expand = next(m for name, m in job.model.named_modules() if name.endswith("mixers.0.expand"))
    codes = torch.round(expand.weight / expand.weight.abs().amax((1, 2, 3), keepdim=True) * 127).to(torch.int8)
    if format_ != "executorch":  # XNNPACK packs weights in an order of its own
        assert data.count(codes[:4].numpy().tobytes()) == 1


def test_a_recursive_network_has_a_third_of_the_mixers() -> None:
    shared, apart = (
        build(Architecture(family=family, width=1.0, spec=SPEC, n_classes=2), seed=0)
        for family in ("recursive:3", "recursive:3+unshared")
    )
    assert n_shared_bytes(apart) == 3 * n_shared_bytes(shared)


def test_a_clustered_onnx_file_keeps_indices_and_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    import onnx
    from onnx import numpy_helper

    plain, few = (convert(job_of("residual", tmp_path / str(n), n, 0.5), "onnx", ("int8",))[0] for n in (0, 16))
    model = onnx.load(str(tmp_path / "16" / few.file))
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    books = [array for name, array in kept.items() if name.endswith("_book")]
    assert len(books) >= 3
    assert all(len(book) <= 16 for book in books)
    job = job_of("residual", tmp_path / "again", 16, 0.5)
    n_weights = sum(m.weight.numel() for m in job.model.modules() if isinstance(m, torch.nn.Conv2d))
    assert few.size_bytes < plain.size_bytes - n_weights // 4
    reference = logits(eager_session(job.model), job.observed)
    got = logits(open_session(few, tmp_path / "16"), job.observed)
    assert np.abs(got - reference).max() < 0.15 * np.ptp(reference)


def test_indices_are_packed_and_unpacked() -> None:
    codes = np.random.default_rng(0).integers(16, size=37)
    for bits in (1, 2, 4):
        packed = pack_codes(codes % 2**bits, bits)
        assert len(packed) == -(-37 * bits // 8)
        np.testing.assert_array_equal(unpacking_table(bits)[packed].ravel()[:37], codes % 2**bits)


@pytest.mark.parametrize("n_values", [2, 4, 16, 17])
def test_a_lookup_gives_back_every_code(n_values: int) -> None:
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).choice(np.arange(n_values) * 7 - 60, (33, 111)).astype(np.int8)
    output = helper.make_tensor_value_info("y", TensorProto.INT8, weight.shape)
    node = helper.make_node("Identity", ["w"], ["y"])
    graph = helper.make_graph([node], "g", [], [output], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    plain = len(model.SerializeToString())
    coded = with_codebooks(model)
    onnx.checker.check_model(coded)
    data = coded.SerializeToString()
    assert (len(data) < plain) == (n_values <= 16)
    (got,) = ort.InferenceSession(data).run(None, {})
    np.testing.assert_array_equal(got, weight)
