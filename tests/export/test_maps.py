"""Maps through every format: classes on axis 1, whatever order the file keeps."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from bedside.base.digest import digest_array
from bedside.base.seam import missing
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import CONVERTERS, ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build

pytestmark = pytest.mark.workshop
SPEC = TensorSpec(n_channels=1, height_px=24, width_px=40)


@pytest.mark.parametrize("format_", ["litert", "onnx", "executorch"])
def test_a_map_comes_out_as_it_went_in(format_: str, tmp_path: Path) -> None:
    if lacking := missing(CONVERTERS.get(format_).requires):
        pytest.skip(f"{lacking} not installed")
    family = "unet_mobile:attention+residual"
    model = build(Architecture(family=family, width=0.25, spec=SPEC, n_classes=3), seed=0).eval()
    images = np.random.default_rng(0).normal(size=(3, *SPEC.shape)).astype(np.float32)
    plan = QuantizationPlan(n_observed=3, observation=digest_array(images))
    job = ExportJob(model=model, spec=SPEC, n_classes=3, plan=plan, observed=images, folder=tmp_path)
    precisions = ("fp32", "int8") if format_ == "litert" else ("fp32",)
    expected = logits(eager_session(model), images)
    assert expected.shape == (3, 3, 24, 40)
    for artifact in convert(job, format_, precisions):  # type: ignore[arg-type]
        found = logits(open_session(artifact, tmp_path), images)
        assert found.shape == expected.shape
        apart = np.abs(found - expected)
        if artifact.precision == "fp32":
            assert apart.max() < 1e-3
        else:
            assert apart.mean() < 0.05 * np.ptp(expected)
            assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.85
