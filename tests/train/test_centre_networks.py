"""Centre detectors: maps of the right size, a loss that knows where objects are, boxes that follow their images."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the workshop extra")

from bedside.base.errors import ShapeError
from bedside.base.task import TensorSpec
from bedside.data.augment import Augment
from bedside.data.distort import Distort
from bedside.runtime.box_maps import boxes_of_maps
from bedside.train.architecture import Architecture, build
from bedside.train.box_objective import moved_boxes
from bedside.train.centre_loss import boxes_of, centre_loss, giou, heat_of, spots
from bedside.verify.detecting import detect, iou

pytestmark = pytest.mark.workshop

SPEC = TensorSpec(n_channels=1, height_px=64, width_px=96)


@pytest.mark.parametrize(("family", "width"), [("centre_lite0", 1.0), ("centre_depthwise", 0.5)])
def test_maps_are_a_quarter_of_the_input(family: str, width: float) -> None:
    model = build(Architecture(family=family, width=width, spec=SPEC, n_classes=2), seed=0).eval()
    with torch.no_grad():
        maps = model(torch.zeros(2, *SPEC.shape))
    assert maps.shape == (2, 6, 16, 24)
    assert torch.sigmoid(maps[:, :2]).max() < 0.1, "before training there is hardly any heat"


def test_an_input_that_the_pyramid_cannot_halve_is_refused(refuses) -> None:
    odd = TensorSpec(n_channels=1, height_px=60, width_px=96)
    with refuses(ShapeError, "60 x 96", "64 x 96"):
        build(Architecture(family="centre_depthwise", width=1.0, spec=odd, n_classes=1), seed=0)


def targets() -> torch.Tensor:
    rows = [[0, 8, 8, 28, 32], [1, 50, 20, 62, 30], [0, 60, 30, 95, 63], [-1, 0, 0, 0, 0]]
    return torch.tensor([rows, [[-1.0] * 5] * 4], dtype=torch.float32)


def test_heat_is_one_in_the_cell_of_each_centre_and_nowhere_without_objects() -> None:
    asked = targets()
    heat = heat_of(asked, spots(asked, 16, 24), 2)
    assert heat.shape == (2, 2, 16, 24)
    ones = {tuple(place) for place in torch.nonzero(heat == 1).tolist()}
    assert ones == {(0, 0, 5, 4), (0, 1, 6, 14), (0, 0, 11, 19)}
    assert not heat[1].any()


def test_the_workshop_and_the_ward_read_boxes_alike() -> None:
    maps = torch.randn(2, 6, 16, 24, generator=torch.manual_seed(0)) * 3
    ward = np.moveaxis(boxes_of_maps(maps.numpy()), -1, 1)
    np.testing.assert_allclose(boxes_of(maps).numpy(), ward, atol=1e-3)


def test_giou_by_definition() -> None:
    rng = np.random.default_rng(0)
    corner, other = rng.uniform(0, 40, (2, 30, 2))
    one = np.c_[corner, corner + rng.uniform(3, 30, (30, 2))]
    two = np.c_[other, other + rng.uniform(3, 30, (30, 2))]
    hull = np.c_[np.minimum(one[:, :2], two[:, :2]), np.maximum(one[:, 2:], two[:, 2:])]
    area = [(b[:, 2:] - b[:, :2]).prod(1) for b in (one, two, hull)]
    overlap = np.diag(iou(one, two))
    union = (area[0] + area[1]) / (1 + overlap)
    expected = overlap - (area[2] - union) / area[2]
    np.testing.assert_allclose(giou(torch.tensor(one.T), torch.tensor(two.T)).numpy(), expected, atol=1e-9)


def test_maps_that_are_fitted_by_the_loss_decode_to_the_objects() -> None:
    asked = targets()
    maps = torch.zeros(2, 6, 16, 24)
    maps[:, :2] = -4
    maps.requires_grad_(True)
    optimizer = torch.optim.Adam([maps], lr=0.1)
    for _ in range(250):
        loss = centre_loss(maps, asked)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = detect(maps.detach().numpy(), least_prob=0.3)
    assert len(found[1]) == 0
    order = np.argsort(found[0].boxes[:, 0])
    assert found[0].labels[order].tolist() == [0, 1, 0]
    np.testing.assert_allclose(found[0].boxes[order], asked[0, :3, 1:].numpy(), atol=1.0)


def test_a_batch_without_objects_has_a_finite_loss_and_gradient() -> None:
    maps = torch.zeros(1, 6, 16, 24, requires_grad=True)
    centre_loss(maps, torch.full((1, 0, 5), -1.0)).backward()
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()


def test_the_first_stage_keeps_its_imagenet_weights_and_statistics() -> None:
    spec = TensorSpec(n_channels=3, height_px=32, width_px=32)
    model = build(Architecture(family="centre_lite0", width=1.0, spec=spec, n_classes=1, pretrained=True), seed=0)
    before = {key: value.clone() for key, value in model.stages[0].state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()(torch.randn(2, *spec.shape)).sum().backward()
    optimizer.step()
    assert all(torch.equal(before[key], value) for key, value in model.stages[0].state_dict().items())


@pytest.mark.parametrize("augment", [
    Augment(rotate_deg=0, shear_frac=0, flip_prob=0.5, upside_down_prob=0.5, scale_frac=0.3, shift_frac=0.2,
            gain_frac=0, offset_frac=0, gamma_frac=0, noise_frac=0, erase_prob=0),
    Augment(rotate_deg=40, shear_frac=0, flip_prob=0.5, scale_frac=0.2, shift_frac=0.05, gain_frac=0, offset_frac=0,
            gamma_frac=0, noise_frac=0, erase_prob=0),
])  # fmt: skip
def test_boxes_follow_ellipses_that_the_augmentation_moves(augment: Augment) -> None:
    rng = np.random.default_rng(5)
    height, width, n = 90, 120, 24
    y, x = np.mgrid[0:height, 0:width] + 0.5
    rows, images = np.full((n, 2, 5), -1, np.float32), np.zeros((n, 1, height, width), np.uint8)
    for row, image in zip(rows, images, strict=True):
        cx, cy, rx, ry = rng.uniform(35, 85), rng.uniform(30, 60), rng.uniform(9, 18), rng.uniform(9, 18)
        image[0][((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1] = 255
        row[0] = [0, cx - rx, cy - ry, cx + rx, cy + ry]
    draw = augment.sample(rng, n, height, width)
    moved, seen = moved_boxes(rows, draw), draw(images)
    assert (moved[:, 1] == -1).all()
    for box, image in zip(moved[:, 0], seen, strict=True):
        if box[0] < 0:
            continue
        at_y, at_x = np.nonzero(image[0] > 127)
        np.testing.assert_allclose(box[1:], [at_x.min(), at_y.min(), at_x.max() + 1, at_y.max() + 1], atol=1.3)
    assert (moved[:, 0, 0] == 0).sum() > n / 2


def test_an_object_that_is_erased_or_has_left_is_not_asked_for() -> None:
    still = Augment(rotate_deg=0, shear_frac=0, scale_frac=0, shift_frac=0, erase_prob=1.0)
    draw = still.sample(np.random.default_rng(0), 1, 40, 40)
    top, left, bottom, right = draw.erase[0] * 40
    hidden = [0, left, top, right, bottom]
    outside = [0, -50, 0, -10, 10]
    rows = np.array([[hidden, outside, [1, 0, 0, 40, 40]]], np.float32)
    assert moved_boxes(rows, draw)[0, :, 0].tolist() == [-1, -1, 1]


def test_elastic_deformation_is_refused(refuses) -> None:
    augment = Augment(distort=Distort(elastic_prob=1.0))
    with refuses(ShapeError, "elastic"):
        moved_boxes(np.zeros((1, 1, 5), np.float32), augment.sample(np.random.default_rng(0), 1, 40, 40))
