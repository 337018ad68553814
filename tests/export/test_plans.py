"""Every format's file does what the plan says, read back from the file; what a runtime lacks is refused."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")

from bedside.base.digest import digest_array
from bedside.base.errors import InputError
from bedside.base.seam import missing
from bedside.base.task import TensorSpec
from bedside.compress.quantization import LayerRule, QuantizationPlan
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import logits, open_session

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=3, height_px=32, width_px=32)
N_OBSERVED = 24


@cache
def network() -> Any:
    """A short MobileNetV3 (squeeze-excite, hard-swish) whose channels have very different ranges."""
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    torch.manual_seed(0)
    blocks = [
        InvertedResidualConfig(16, 3, 48, 16, True, "RE", 2, 1, 1.0),
        InvertedResidualConfig(16, 5, 96, 24, True, "HS", 2, 1, 1.0),
    ]
    model = MobileNetV3(blocks, last_channel=256, num_classes=2)
    images = torch.from_numpy(observed())
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None
                layer.weight.copy_(torch.exp(torch.randn_like(layer.weight)))
        for _ in range(4):
            model.train()(images)
    return model.eval()


@cache
def observed() -> np.ndarray:
    """Smooth images of very different contrast."""
    rng = np.random.default_rng(0)
    contrast = rng.lognormal(0, 0.7, (N_OBSERVED, 1, 1, 1))
    coarse = rng.normal(size=(N_OBSERVED, 3, 4, 4)) * contrast
    return np.kron(coarse, np.ones((1, 1, 8, 8))).astype(np.float32) + rng.normal(0, 0.1, (1, 3, 32, 32)).astype("f4")


@pytest.fixture(scope="module", params=CONVERTERS.names())
def format_(request: pytest.FixtureRequest) -> str:
    if lacking := missing(CONVERTERS.get(request.param).requires):
        pytest.skip("pip install " + " ".join(lacking))
    return request.param


@pytest.fixture(scope="module")
def files(format_: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Convert by a plan, once a plan and format."""

    @cache
    def make(*rules: tuple[str, str], **changes: Any) -> tuple[Artifact, Path]:
        plan = QuantizationPlan(
            n_observed=N_OBSERVED, observation=digest_array(observed()), **changes,
            rules=tuple(LayerRule(layer=layer, keeps=keeps) for layer, keeps in rules),  # type: ignore[arg-type]
        )  # fmt: skip
        folder = tmp_path_factory.mktemp("plan")
        job = ExportJob(model=network(), spec=SPEC, n_classes=2, plan=plan, observed=observed(), folder=folder)
        (artifact,) = convert(job, format_, ("int8",))
        return artifact, folder

    return make


def error(file: tuple[Artifact, Path]) -> float:
    """Squared error of the logits, as a share of how much they vary."""
    reference = logits(eager_session(network()), observed())
    got = logits(open_session(*file), observed())
    return float(((got - reference) ** 2).sum() / ((reference - reference.mean(0)) ** 2).sum())


def litert_weights(file: tuple[Artifact, Path]) -> dict[tuple[str, tuple[int, ...]], set[str]]:
    """Types of every convolution's and linear layer's input and weight, by the weight's shape."""
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs((file[1] / file[0].file).read_bytes(), 0))
    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    ops = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    graph, found = model.subgraphs[0], {}
    for op in graph.operators:
        kind = ops[model.operatorCodes[op.opcodeIndex].builtinCode]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            image, weight = (graph.tensors[i] for i in op.inputs[:2])
            key = (kind, tuple(int(n) for n in weight.shape))
            found.setdefault(key, set()).add(f"{names[image.type]} {names[weight.type]}")
    return found


def onnx_weights(file: tuple[Artifact, Path]) -> dict[str, tuple[str, str]]:
    """Types of every convolution's and linear layer's input and weight before they are dequantized, by weight name."""
    import onnx

    model = onnx.load(str(file[1] / file[0].file))
    types = {w.name: onnx.TensorProto.DataType.Name(w.data_type) for w in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}

    def kind(name: str) -> str:
        node = made.get(name)
        if node is None or node.op_type != "DequantizeLinear":
            return "FLOAT"
        return types[node.input[2]]

    return {
        node.input[1].removesuffix("_DequantizeLinear_Output"): (kind(node.input[0]), kind(node.input[1]))
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    }


BLOCK = "features.2"


def test_named_layers_are_treated_otherwise_in_the_file(files: Any, format_: str) -> None:
    if format_ == "executorch":
        pytest.skip("no other width than 8 bits: see the next test")
    mixed = files((BLOCK, "float"), ("features.1", "a16"), ("classifier", "w4"))
    assert (mixed[0].precision, mixed[0].bit_widths) == ("int8", "w8a8, 3 layers otherwise")
    assert files()[0].bit_widths == ""
    if format_ == "litert":
        found = litert_weights(mixed)
        assert found["DEPTHWISE_CONV_2D", (1, 5, 5, 96)] == {"FLOAT32 FLOAT32"}
        assert found["CONV_2D", (24, 1, 1, 96)] == {"FLOAT32 FLOAT32"}
        assert found["DEPTHWISE_CONV_2D", (1, 3, 3, 48)] == {"INT16 INT8"}
        assert found["FULLY_CONNECTED", (2, 256)] == {"INT8 INT4"}
        assert found["CONV_2D", (16, 3, 3, 3)] == {"INT8 INT8"}
        assert all(one == {"INT8 INT8"} for one in litert_weights(files()).values())
        return
    found = onnx_weights(mixed)
    inside = [kinds for name, kinds in found.items() if name.startswith(BLOCK + ".")]
    assert len(inside) == 5
    assert {kinds[1] for kinds in inside} == {"FLOAT"}
    assert sum(kinds[0] == "FLOAT" for kinds in inside) == 4, "between the block's layers nothing is rounded"
    assert found["features.1.block.1.0.weight"] == ("INT16", "INT8")
    assert found["classifier.3.weight"] == ("UINT8", "INT4")
    assert found["features.0.0.weight"] == ("UINT8", "INT8")
    assert all(kinds == ("UINT8", "INT8") for kinds in onnx_weights(files()).values())


def test_a_float_layer_of_an_executorch_file_has_four_bytes_a_weight(files: Any, format_: str) -> None:
    if format_ != "executorch":
        pytest.skip("the test before reads the types from the file")
    n_weights = sum(p.numel() for name, p in network().named_parameters() if name.startswith(BLOCK) and p.ndim > 1)
    grown = files((BLOCK, "float"))[0].size_bytes - files()[0].size_bytes
    assert grown == pytest.approx(3 * n_weights, rel=0.25)  # scales and zero points of its channels fall away


def test_all_layers_float_is_the_float_network(files: Any, format_: str) -> None:
    if format_ != "onnx":
        pytest.skip("one format is enough: it is the rules that are tested")
    rules = (("features", "float"), ("avgpool", "float"), ("classifier", "float"))
    assert error(files(*rules)) < 1e-8


def test_16_bit_activations_err_less(files: Any, format_: str) -> None:
    if format_ == "executorch":
        with pytest.raises(InputError, match="16-bit") as caught:
            files(activation_bits=16)
        assert "litert or onnx" in caught.value.hint
        return
    assert error(files(activation_bits=16)) < 0.3 * error(files())


def test_4_bit_weights_are_smaller_and_run(files: Any, format_: str) -> None:
    if format_ == "executorch":
        with pytest.raises(InputError, match="4-bit weights"):
            files(weight_bits=4)
        return
    small = files(weight_bits=4, activation_bits=16)
    assert small[0].size_bytes < 0.85 * files(activation_bits=16)[0].size_bytes
    assert error(small) < 1


@pytest.mark.parametrize("ranges", ["percentile", "mse", "entropy"])
def test_an_observer_changes_the_file_and_never_clips_the_output(files: Any, format_: str, ranges: str) -> None:
    if format_ != "onnx" and ranges != "mse":
        pytest.skip("one observer shows that the quantizer takes the ranges; the others take the same way")
    plain, clipped = files(), files(ranges=ranges)
    assert plain[0].digest != clipped[0].digest
    assert error(clipped) < (
        1 if ranges == "entropy" else 2 * error(plain)
    )  # a divergence does not see how far values lie


def test_a_rule_for_a_layer_that_is_not_there_is_refused(files: Any) -> None:
    with pytest.raises(InputError, match="does not have") as caught:
        files(("features.2.blok", "float"))
    assert "features.2.block" in caught.value.hint
