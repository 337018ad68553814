"""The ward's class activation map of both files is that of PyTorch on the network that they were made from."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs the workshop extra")
pytest.importorskip("litert_torch", reason="the files are LiteRT's")

from torch.nn import functional

from bedside.base.digest import digest_array
from bedside.base.task import TensorSpec
from bedside.compress.quantization import QuantizationPlan
from bedside.export.converting import ExportJob, convert
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build
from bedside.verify.cam import class_activation_map
from bedside.verify.heat_agreement import rank_correlation
from bedside.verify.operating_point import OperatingPoint

pytestmark = [pytest.mark.workshop, pytest.mark.slow]

SPEC = TensorSpec(n_channels=1, height_px=32, width_px=32)
POINT = OperatingPoint(temperature=1.0, threshold_prob=None, positive=1, rule="by the test")


def by_torch(network: "torch.nn.Module", image: np.ndarray, k: int) -> np.ndarray:
    """Zhou et al. (2016) by a hook on the head: weights of the class less the classes' mean, upsampled by PyTorch."""
    held = {}
    hook = network[-1].register_forward_pre_hook(lambda _, inputs: held.update(features=inputs[0]))
    with torch.no_grad():
        network(torch.from_numpy(image[None]))
    hook.remove()
    weights = network[-1].linear.weight.detach()
    coarse = torch.einsum("c,nchw->nhw", weights[k] - weights.mean(dim=0), held["features"]).clamp(min=0)
    heat = functional.interpolate(coarse[None], size=image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
    return (heat / heat.max()).numpy() if heat.max() > 0 else heat.numpy()


def test_both_files_map_as_the_network_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(32, *SPEC.shape)).astype(np.float32)
    network = build(Architecture(family="residual", width=0.5, spec=SPEC, n_classes=3), seed=0)
    with torch.no_grad():
        for _ in range(20):
            network.train()(torch.from_numpy(observed))
    plan = QuantizationPlan(n_observed=32, observation=digest_array(observed))
    job = ExportJob(model=network.eval(), spec=SPEC, n_classes=3, plan=plan, observed=observed, folder=tmp_path)
    fp32, int8 = (open_session(artifact, tmp_path) for artifact in convert(job, "litert"))
    for k, image in enumerate(observed[:3]):
        wanted = by_torch(network, image, k)
        np.testing.assert_allclose(class_activation_map(fp32, image, POINT, k), wanted, atol=2e-4)
        assert rank_correlation(class_activation_map(int8, image, POINT, k), wanted) > 0.9
    for session, slack in ((fp32, 1e-4), (int8, 0.1)):
        shown = session.last_features(observed[0])  # type: ignore[attr-defined]
        again = shown.features.mean(axis=(1, 2)) @ shown.weights.T + shown.bias
        own = logits(session, observed[:1])[0]
        np.testing.assert_allclose(again, own, atol=slack * max(1.0, np.ptp(own)))
