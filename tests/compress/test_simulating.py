"""Simulated rounding, layer damage and quantization-aware training, against independent sums and real files."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compression needs the workshop extra")

from fitted_network import SPEC, monitor

from bedside.base.digest import digest_array
from bedside.base.errors import RecipeError, ShapeError
from bedside.compress.damage import Bench, bench_of, measure_damage, sqnr_db
from bedside.compress.folding import folded
from bedside.compress.qat import Qat, unfolded
from bedside.compress.quantization import FLOAT, LayerBits, LayerRule, QuantizationPlan
from bedside.compress.rounding import round_activation, round_weight
from bedside.compress.simulating import (
    by_plan,
    every_layer,
    observe,
    rounded_logits,
)
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import logits_of

if TYPE_CHECKING:
    from fitted_network import Fitted


pytestmark = pytest.mark.workshop

INT8 = LayerBits(weights=8, activations=8)


def images_of(fitted: "Fitted") -> np.ndarray:
    return fitted.data.preprocess.normalize(fitted.data.tuning)


def plan_of(images: np.ndarray, **settings: object) -> QuantizationPlan:
    return QuantizationPlan(n_observed=len(images), observation=digest_array(images), **settings)  # type: ignore[arg-type]


def scaled_depthwise(fitted: "Fitted", factor: float) -> Any:
    """A depthwise network of which one expansion layer has channels far smaller than its largest one."""
    model = build(Architecture(family="depthwise", width=0.5, spec=SPEC, n_classes=2), seed=0)
    images = torch.from_numpy(images_of(fitted))
    with torch.no_grad():
        for _ in range(20):
            model.train()(images)
        block = model.eval()[1].body  # type: ignore[index]
        norm, depthwise = block[0][1], block[1][0]
        scale = torch.full((norm.num_features,), factor)
        scale[0] = 1.0
        norm.weight.mul_(scale)
        norm.bias.mul_(scale)
        depthwise.weight.mul_((1 / scale)[:, None, None, None])
    return model


def test_activations_are_rounded_as_the_scheme_says() -> None:
    values = torch.linspace(-1.5, 4.0, 1001)
    rounded = round_activation(values, torch.tensor([-1.0, 3.0]), 8).numpy()
    scale, zero = 4 / 255, round(-128 + 1 / (4 / 255))
    level = np.clip(np.round(values.numpy() / np.float32(scale)) + zero, -128, 127)
    np.testing.assert_allclose(rounded, (level - zero) * scale, atol=1e-5)
    assert np.unique(rounded).size <= 256
    wide = round_activation(values, torch.tensor([-1.0, 3.0]), 16).numpy()
    inside = np.abs(values.numpy()) <= 3
    np.testing.assert_allclose(wide[inside], values.numpy()[inside], atol=3 / 32767)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_have_one_symmetric_scale_a_channel(bits: int) -> None:
    weight = (
        torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))
        * torch.logspace(-3, 1, 6)[:, None, None, None]
    )
    top = 2 ** (bits - 1) - 1
    scale = np.abs(weight.numpy()).reshape(6, -1).max(axis=1)[:, None, None, None] / top
    expected = np.round(weight.numpy() / scale) * scale
    np.testing.assert_allclose(round_weight(weight, bits).numpy(), expected, rtol=1e-4, atol=1e-7)


def test_a_float_simulation_is_the_network_and_more_bits_are_better(fitted: "Fitted") -> None:
    images = images_of(fitted)
    reference = logits_of(fitted.model, fitted.data.tuning, fitted.data.preprocess)
    model = folded(fitted.model, SPEC)
    ranges = observe(model, images)
    np.testing.assert_allclose(rounded_logits(model, images, ranges, every_layer(FLOAT)), reference, atol=1e-4)
    noise = [
        sqnr_db(reference, rounded_logits(model, images, ranges, every_layer(LayerBits(weights=w, activations=a))))  # type: ignore[arg-type]
        for w, a in ((4, 8), (8, 8), (8, 16))
    ]
    assert noise[0] < noise[1] < noise[2]


def test_the_simulation_foresees_the_real_file(fitted: "Fitted", tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from bedside.export.converting import ExportJob, convert
    from bedside.runtime.session import logits, open_session

    images = images_of(fitted)
    job = ExportJob(model=fitted.model, spec=SPEC, n_classes=2, plan=plan_of(images), observed=images, folder=tmp_path)
    (int8,) = convert(job, "onnx", ("int8",))
    real = logits(open_session(int8, tmp_path), images)
    bench = bench_of(fitted.model, SPEC, images, n_images=len(images))
    simulated = rounded_logits(bench.model, bench.images, bench.ranges, every_layer(INT8))
    noise_db = sqnr_db(bench.outputs, simulated)
    assert sqnr_db(bench.outputs, real) == pytest.approx(noise_db, abs=6)
    assert sqnr_db(simulated, real) > noise_db - 3


def test_damage_names_the_layer_with_scaled_channels(fitted: "Fitted") -> None:
    images = images_of(fitted)
    bench = bench_of(scaled_depthwise(fitted, 0.003), SPEC, images, score=None)
    table = measure_damage(bench, plan_of(images))
    assert set(table.culprits[:2]) == {"1.body.0.0", "1.body.1.0"}
    assert table.rows[0].alone.sqnr_db < table.rows[3].alone.sqnr_db - 10
    both = [LayerRule(layer=path, keeps="float") for row in table.rows[:2] for path in row.members]
    mended = bench.change(by_plan(plan_of(images, rules=tuple(both))))
    assert mended.sqnr_db > table.whole.sqnr_db + 10
    assert table.row_of("1.body.0.0").members[0] == "1.body.0.0"


def test_a_score_is_judged_on_the_same_images(fitted: "Fitted") -> None:
    labels = fitted.data.tuning_targets
    bench = bench_of(fitted.model, SPEC, images_of(fitted), n_images=32)
    bench = replace(bench, score=lambda outputs: monitor(labels[bench.rows], outputs))
    assert isinstance(bench, Bench)
    assert len(bench.images) == 32
    row = measure_damage(bench, plan_of(images_of(fitted))).rows[0]
    assert abs(row.alone.score_change) < 0.2


def test_no_images_are_refused(fitted: "Fitted", refuses: Any) -> None:
    with refuses(ShapeError, "no observation image"):
        bench_of(fitted.model, SPEC, np.zeros((0, *SPEC.shape), np.float32))


def test_folded_weights_go_back_into_the_network(fitted: "Fitted") -> None:
    back = unfolded(fitted.model, folded(fitted.model, SPEC), SPEC)
    assert list(back.state_dict()) == list(fitted.model.state_dict())
    data = fitted.data
    np.testing.assert_allclose(
        logits_of(back, data.tuning, data.preprocess), logits_of(fitted.model, data.tuning, data.preprocess), atol=1e-4
    )


def test_training_under_rounding_gains_at_low_bits(fitted: "Fitted") -> None:
    images = images_of(fitted)
    reference = logits_of(fitted.model, fitted.data.tuning, fitted.data.preprocess)
    plan = plan_of(images, weight_bits=4)
    before = {key: value.clone() for key, value in fitted.model.state_dict().items()}
    recipe = replace(fitted.recipe, plan=replace(fitted.recipe.plan, n_epochs=10))
    bench = replace(fitted.bench, teacher_logits=None)
    trained = Qat(weight_bits=4, epochs_frac=1.0)(fitted.model, recipe, bench)
    assert all(torch.equal(before[key], value) for key, value in fitted.model.state_dict().items())
    assert list(trained.state_dict()) == list(before)

    def error(model: Any) -> float:
        held = bench_of(model, SPEC, images, n_images=len(images))
        rounded = rounded_logits(held.model, held.images, held.ranges, by_plan(plan))
        gaps = [out[:, 1] - out[:, 0] for out in (rounded, reference)]
        return float(np.mean((gaps[0] - gaps[1]) ** 2))

    assert error(trained) < 0.7 * error(fitted.model)


def test_settings_are_checked(refuses: Any) -> None:
    with refuses(RecipeError, "weight_bits 5"):
        Qat(weight_bits=5)
    with refuses(RecipeError, "epochs_frac 0"):
        Qat(epochs_frac=0.0)
