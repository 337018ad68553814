"""Clip networks: a stream says what the whole clip says; order is seen by those that remember."""

import numpy as np
import pytest
import torch

from bedside.base.task import TensorSpec
from bedside.data.sources import load_cohort
from bedside.data.stacking import stack_images, suit_preprocess
from bedside.data.targets import labels_of
from bedside.train.architecture import Architecture, build
from bedside.train.clip_networks import GruCell
from bedside.train.clip_trunks import trunk_for
from bedside.train.fitting import TrainingData, fit
from bedside.train.plan import TrainPlan
from bedside.verify.metrics import auroc

FAMILIES = ("clip_mean", "clip_gru", "clip_shift")


def architecture(family: str, side_px: int, width: float, *, pretrained: bool = False) -> Architecture:
    spec = TensorSpec(n_channels=1, height_px=side_px, width_px=side_px, n_frames=5)
    return Architecture(family=family, width=width, spec=spec, n_classes=3, pretrained=pretrained)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("side_px", "width"), [(32, 0.5), (64, 1.0)])
def test_a_stream_says_what_the_whole_clip_says(family: str, side_px: int, width: float) -> None:
    network = build(architecture(family, side_px, width), seed=0).eval()
    clips = torch.randn(2, 5, 1, side_px, side_px)
    state, answers = torch.zeros(2, network.n_state), []
    with torch.no_grad():
        for t in range(5):
            logits, state = network.step(clips[:, t], state)
            answers.append(logits)
        whole = network(clips)
    assert whole.shape == (2, 3)
    torch.testing.assert_close(torch.stack(answers).mean(0), whole, atol=1e-5, rtol=1e-5)


def test_the_order_of_frames_matters_to_those_that_remember() -> None:
    clips = torch.randn(1, 5, 1, 32, 32)
    for family in FAMILIES:
        network = build(architecture(family, 32, 0.5), seed=0).eval()
        with torch.no_grad():
            change = float((network(clips) - network(clips.flip(1))).abs().max())
        assert (change < 1e-6) == (family == "clip_mean"), family


def test_the_cell_is_torchs_gru() -> None:
    ours, theirs = GruCell(7, 5), torch.nn.GRUCell(7, 5)
    layers = (ours.reset_in, ours.update_in, ours.new_in), (ours.reset_state, ours.update_state, ours.new_state)
    with torch.no_grad():
        theirs.weight_ih.copy_(torch.cat([layer.weight for layer in layers[0]]))
        theirs.weight_hh.copy_(torch.cat([layer.weight for layer in layers[1]]))
        theirs.bias_ih.copy_(torch.cat([layer.bias for layer in layers[0]]))
        theirs.bias_hh.copy_(torch.cat([layer.bias for layer in layers[1]]))
        features, state = torch.randn(4, 7), torch.rand(4, 5)
        torch.testing.assert_close(ours(features, state), theirs(features, state))


def test_the_trunk_is_timms_lite0_cut_short() -> None:
    import timm

    trunk = trunk_for(architecture("clip_mean", 96, 1.0, pretrained=True)).eval()
    whole = timm.create_model("tf_efficientnet_lite0", in_chans=1, num_classes=3, bn_eps=1e-3).eval()
    from bedside.train.transfer import load_lite_weights

    load_lite_weights(whole, "tf_efficientnet_lite0")
    frames = torch.randn(1, 1, 96, 96)
    with torch.no_grad():
        features = whole.blocks[:5](whole.bn1(whole.conv_stem(frames)))
        torch.testing.assert_close(trunk(frames), features, atol=1e-4, rtol=1e-4)
    n_bytes = sum(p.numel() for p in build(architecture("clip_gru", 96, 1.0), seed=0).parameters())
    assert n_bytes < 1.2 * 2**20


def test_only_networks_that_remember_learn_what_only_motion_shows() -> None:
    cohort = load_cohort("phantom:clip", n="200")
    preprocess = suit_preprocess(cohort, image_px=32)
    clips, labels = stack_images(cohort.cases, preprocess), labels_of(cohort.cases)
    data = TrainingData(
        development=clips[:150], development_targets=labels[:150], tuning=clips[150:], tuning_targets=labels[150:],
        preprocess=preprocess,
    )  # fmt: skip
    plan = TrainPlan(n_epochs=10, batch_size=32, learning_rate=5e-3, patience=10)

    def best(family: str) -> float:
        network = build(Architecture(family=family, width=0.5, spec=preprocess.spec, n_classes=2), seed=0)
        _, history = fit(network, plan, data, monitor=lambda y, out: auroc(y == 1, out[:, 1] - out[:, 0]))
        return float(np.mean([mark.tuning_score for mark in history[-2:]]))

    scores = {family: best(family) for family in FAMILIES}
    assert scores["clip_gru"] > 0.9, scores
    assert scores["clip_shift"] > 0.85, scores
    assert scores["clip_mean"] < 0.75, scores
