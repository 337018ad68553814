"""Losses of guides against plain numpy, where networks are tapped, and what is remembered of a teacher."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="guides need the workshop extra")

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec
from bedside.data.preprocess import Preprocess
from bedside.train import teacher_memory
from bedside.train.architecture import Architecture, build
from bedside.train.feature_loss import angle_loss, attention_loss, attention_map, distance_loss, hint_loss
from bedside.train.fitting import fit, view_of
from bedside.train.guide import GUIDES, GuideOrder
from bedside.train.pixel_guide import edge_weights, pixel_loss
from bedside.train.plan import TrainPlan
from bedside.train.taps import paired, stage_taps
from bedside.train.teacher_memory import TeacherMemory
from bedside.train.views import TrainingData

pytestmark = pytest.mark.workshop

RNG = np.random.default_rng(0)


def huber(a: np.ndarray, b: np.ndarray) -> float:
    gap = np.abs(a - b)
    return float(np.where(gap < 1, 0.5 * gap**2, gap - 0.5).mean())


def test_attention_is_the_mean_square_of_channels_in_units_of_its_length() -> None:
    maps = RNG.normal(size=(3, 5, 4, 2)).astype(np.float32)
    squares = (maps**2).mean(1).reshape(3, 8)
    expected = squares / np.linalg.norm(squares, axis=1, keepdims=True)
    got = attention_map(torch.from_numpy(maps))
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(float(attention_loss(got, got.flip(0))), ((expected - expected[::-1]) ** 2).mean(), 1e-5)


def test_hints_are_half_the_mean_square_error() -> None:
    assert float(hint_loss(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]))) == 0.5 * (1 + 4) / 2


def test_distances_are_in_units_of_their_mean() -> None:
    student, teacher = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 4))

    def relative(points: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        return apart / apart[apart > 0].mean()

    got = float(distance_loss(torch.from_numpy(student), torch.from_numpy(teacher)))
    np.testing.assert_allclose(got, huber(relative(student), relative(teacher)), rtol=1e-5)
    scaled = float(distance_loss(torch.from_numpy(5 * teacher), torch.from_numpy(teacher)))
    assert scaled < 1e-10, "a scale is no difference"


def test_angles_are_those_of_all_triplets() -> None:
    student, teacher = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))

    def cosines(points: np.ndarray) -> np.ndarray:
        found = np.zeros((5, 5, 5))
        for j, i, k in product(range(5), repeat=3):
            a, b = points[i] - points[j], points[k] - points[j]
            if a.any() and b.any():
                found[j, i, k] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        return found

    got = float(angle_loss(torch.from_numpy(student), torch.from_numpy(teacher)))
    np.testing.assert_allclose(got, huber(cosines(student), cosines(teacher)), rtol=1e-5)


@pytest.mark.parametrize("loss", [distance_loss, angle_loss])
def test_relations_of_equal_images_have_finite_gradients(loss) -> None:
    points = torch.ones(4, 3).requires_grad_(True)
    loss(points, torch.randn(4, 6, generator=torch.Generator().manual_seed(0))).backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_a_border_counts_more_and_the_mean_stays() -> None:
    masks = torch.zeros(1, 12, 12, dtype=torch.long)
    masks[:, :, 6:] = 1
    weights = edge_weights(masks, 2, edge_weight=4.0)
    assert float(weights.mean()) == pytest.approx(1)
    assert float(weights[0, 0, 5] / weights[0, 0, 0]) == pytest.approx(5)
    inside = (weights[0, 0] > weights[0, 0, 0]).nonzero().flatten().tolist()
    assert inside == [4, 5, 6, 7], "two pixels on either side"


def test_pixels_are_compared_one_by_one() -> None:
    outputs, teacher = RNG.normal(size=(2, 2, 3, 5, 5))
    masks = RNG.integers(3, size=(2, 5, 5))

    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x / 2) / np.exp(x / 2).sum(1, keepdims=True)

    student_, teacher_ = softmax(outputs), softmax(teacher)
    apart = (teacher_ * np.log(teacher_ / student_)).sum(1)
    weights = edge_weights(torch.from_numpy(masks), 3, 1.5).numpy()
    got = pixel_loss(
        torch.from_numpy(outputs), torch.from_numpy(teacher), torch.from_numpy(masks), temperature=2, edge_weight=1.5
    )
    np.testing.assert_allclose(float(got), 4 * (weights * apart).mean(), rtol=1e-5)


def network(family: str, size_px: int, width: float = 0.5, n_classes: int = 2) -> "torch.nn.Module":
    spec = TensorSpec(n_channels=1, height_px=size_px, width_px=size_px)
    return build(Architecture(family=family, width=width, spec=spec, n_classes=n_classes), seed=0)


@pytest.mark.parametrize(("family", "size_px"), [("residual", 28), ("resnet18", 28), ("depthwise", 64),
                                                 ("tf_efficientnet_lite0", 64), ("unet_mobile", 32)])  # fmt: skip
def test_every_stage_is_tapped_once_from_large_to_small(family: str, size_px: int) -> None:
    model = network(family, size_px, 1.0)
    taps = stage_taps(model, TensorSpec(n_channels=1, height_px=size_px, width_px=size_px))
    heights = [tap.height_px for tap in taps]
    assert len(set(heights)) == len(heights) >= 3
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    if family == "residual":
        assert [tap.name for tap in taps] == ["1", "2", "3"], "whole blocks"


def test_taps_are_paired_by_the_nearest_size() -> None:
    spec = TensorSpec(n_channels=1, height_px=28, width_px=28)
    student, teacher = (stage_taps(network(family, 28, 1.0), spec) for family in ("residual", "resnet18"))
    for pair in paired(student, teacher):
        assert abs(pair.student.height_px - pair.teacher.height_px) <= 1 or pair.student.height_px > 14
        assert pair.grid_px[0] == min(pair.student.height_px, pair.teacher.height_px)


def test_a_network_without_maps_cannot_be_tapped(refuses) -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    with refuses(RecipeError, "no feature maps"):
        stage_taps(flat, TensorSpec(n_channels=1, height_px=8, width_px=8))


@pytest.fixture(scope="module")
def outlines() -> TrainingData:
    """Bright discs and their masks."""
    rng = np.random.default_rng(1)
    yy, xx = np.mgrid[:32, :32]
    centres, radii = rng.uniform(10, 22, (48, 2)), rng.uniform(4, 8, 48)
    masks = np.stack([(yy - y) ** 2 + (xx - x) ** 2 < r**2 for (y, x), r in zip(centres, radii, strict=True)])
    images = np.clip(60 + 80 * masks + rng.normal(0, 25, masks.shape), 0, 255).astype(np.uint8)[:, None]
    labels = masks.astype(np.int64)
    return TrainingData(
        development=images[:32], development_targets=labels[:32], tuning=images[32:], tuning_targets=labels[32:],
        preprocess=Preprocess(n_channels=1, height_px=32, width_px=32), kind="segmentation",
    )  # fmt: skip


def dice(masks: np.ndarray, logits: np.ndarray) -> float:
    called = logits.argmax(1)
    return float(2 * (called * masks).sum() / max(1, called.sum() + masks.sum()))


def test_outlines_are_learned_from_a_teachers_pixels(outlines: TrainingData) -> None:
    plan = TrainPlan(n_epochs=12, n_views=2, batch_size=8, learning_rate=5e-3)
    teacher, _ = fit(network("unet_mobile", 32, 0.5), plan, outlines, monitor=dice)
    student = network("unet_mobile", 32, 0.25)
    order = GuideOrder(student=student, teacher=teacher, data=outlines, plan=plan, edge_weight=4.0)
    made, history = fit(student, plan, outlines, monitor=dice, guide=GUIDES.get("pixels")(order))
    assert max(mark.tuning_score for mark in history) > 0.6
    assert not made.training


def test_a_view_is_read_once_and_kept_as_the_teacher_said_it(outlines: TrainingData, monkeypatch) -> None:
    plan, teacher = TrainPlan(n_epochs=1, n_views=3), network("unet_mobile", 32, 0.25)
    n_read = []

    def read(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n_read.append(len(images))
        return (teacher(images),)

    memory = TeacherMemory(teacher, outlines, plan, read, batch_size=16)
    rows = np.array([5, 20, 3])
    (first,) = memory.of(1, rows)
    (again,) = memory.of(1, rows)
    assert n_read == [16, 16]
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    with torch.no_grad():
        expected = torch.cat([teacher(view_of(outlines, plan, 1, np.arange(i, i + 16))) for i in (0, 16)])[rows]
    torch.testing.assert_close(first, expected, rtol=2e-3, atol=2e-3)
    monkeypatch.setattr(teacher_memory, "MOST_BYTES", 1)
    memory.of(2, rows)
    memory.of(1, rows)
    assert len(n_read) == 6, "without room a view is read again"


def test_regressors_learn_with_the_student(outlines: TrainingData) -> None:
    plan = TrainPlan(n_epochs=2, n_views=1, batch_size=8)
    student, teacher = network("unet_mobile", 32, 0.25), network("unet_mobile", 32, 0.5)
    guide = GUIDES.get("hints")(GuideOrder(student=student, teacher=teacher, data=outlines, plan=replace(plan, seed=3)))
    held: list[torch.nn.Module] = []
    begin = guide.begin

    class Spy:
        def begin(self, model):
            held.append(begin(model))
            held.append(torch.nn.ModuleList())
            self.before = [p.detach().clone() for p in held[0].parameters()]
            return held[0]

        loss, end = staticmethod(guide.loss), staticmethod(guide.end)

    spy = Spy()
    fit(student, plan, outlines, monitor=dice, guide=spy)
    assert any((a != b).any() for a, b in zip(spy.before, held[0].parameters(), strict=True))
