"""Pruning of networks of volumes and of clips: the graph is right, the target is met, the file is smaller."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs the workshop extra")

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bedside.base.digest import digest_array
from bedside.base.task import Task, TensorSpec
from bedside.compress.channels import Channels, trace_channels
from bedside.compress.compressing import compress, load_compressed
from bedside.compress.cost import count_model, layer_costs
from bedside.compress.criteria import CRITERIA, Sample
from bedside.compress.paper_widths import PaperWidths
from bedside.compress.places import case_foreground, layout_of, place_weights, pooled
from bedside.compress.prune import Prune
from bedside.compress.quantization import QuantizationPlan
from bedside.compress.recipe import Recipe, StepCall, Workbench
from bedside.data.preprocess import Preprocess
from bedside.data.sources import load_cohort
from bedside.data.split import split_by_patient
from bedside.data.stacking import stack_images
from bedside.data.targets import targets_of
from bedside.export.converting import ExportJob, convert
from bedside.export.exported import eager_session
from bedside.runtime.devices import device_named
from bedside.runtime.session import logits, open_session
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import TrainingData, as_batch, logits_of
from bedside.train.plan import TrainPlan
from bedside.train.volume_plans import for_volumes

pytestmark = pytest.mark.workshop

VOLUME = Preprocess(n_channels=1, depth_px=16, height_px=16, width_px=8)
CLIP = Preprocess(n_channels=1, height_px=16, width_px=16, n_frames=4)
FAMILIES = {"unet3d": VOLUME, "net3d": VOLUME, "clip_mean": CLIP, "clip_gru": CLIP, "clip_shift": CLIP}


def data_of(preprocess: Preprocess, phantom: str, **options: str) -> TrainingData:
    cohort = load_cohort(f"phantom:{phantom}", **options)
    split = split_by_patient(cohort, seed=0)
    parts = (split.development, split.tuning)
    images, targets = (
        [stack_images(p, preprocess) for p in parts],
        [targets_of(p, cohort.task, preprocess) for p in parts],
    )
    return TrainingData(
        development=images[0], development_targets=targets[0], tuning=images[1], tuning_targets=targets[1],
        preprocess=preprocess, kind=cohort.task.kind,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data() -> dict[str, TrainingData]:
    """Outlined volumes, classed volumes (by which half is larger), and clips."""
    outlined = data_of(VOLUME, "volume", n="24")
    clips = data_of(CLIP, "clip", n="40", size_px="16", n_frames="4")

    def classed(maps: np.ndarray) -> np.ndarray:
        sizes = [(maps.reshape(len(maps), -1) == k).sum(1) for k in (1, 2)]
        return (sizes[0] > sizes[1]).astype(np.int64)

    volumes = replace(
        outlined, kind="classification", development_targets=classed(outlined.development_targets),
        tuning_targets=classed(outlined.tuning_targets),
    )  # fmt: skip
    return {"unet3d": outlined, "net3d": volumes} | dict.fromkeys(("clip_mean", "clip_gru", "clip_shift"), clips)


def made(family: str, data: TrainingData) -> tuple[nn.Module, Recipe, Workbench]:
    """A network with the batch statistics of the data, and what its pruning needs."""
    n_classes = 3 if family == "unet3d" else 2
    spec = FAMILIES[family].spec
    architecture = Architecture(family=family, width=1.0 if "clip" in family else 0.5, spec=spec, n_classes=n_classes)
    model = build(architecture, seed=0)
    cases = as_batch(data.preprocess.normalize(data.development[:16]))
    with torch.no_grad():
        for _ in range(20):
            model.train()(cases)
    bench = Workbench(data=data, monitor=lambda targets, outputs: 0.0, teacher_logits=None)
    return model.eval(), Recipe(architecture=architecture, plan=TrainPlan(n_epochs=1), steps=("prune",)), bench


def macs_of(model: nn.Module, spec: TensorSpec) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *spec.shape))
    return counter.get_total_flops() / 2


def silenced(channels: Channels, keep: dict[str, np.ndarray]) -> None:
    """Let the channels that will go say nothing: every layer that writes or scales them gets zeros."""
    layers = dict(channels.model.named_modules())
    with torch.no_grad():
        for name, group in channels.groups.items():
            for member in (*group.on("out"), *group.on("norm")):
                gone = member.local[~keep[name][member.root]]
                for tensor in layers[member.layer].parameters(recurse=False):
                    tensor[gone] = 0


@pytest.mark.parametrize("family", FAMILIES)
def test_channels_that_say_nothing_can_go_and_nothing_changes(family: str, data: dict[str, TrainingData]) -> None:
    model, recipe, _ = made(family, data[family])
    spec = recipe.architecture.spec
    channels = trace_channels(model, spec)
    rng = np.random.default_rng(0)
    keep = {name: rng.random(group.n_channels) < 0.5 for name, group in channels.groups.items()}
    silenced(channels, keep)
    before = logits_of(model, data[family].tuning[:4], data[family].preprocess)
    n_before = sum(p.numel() for p in model.parameters())
    channels.remove(keep)
    after = logits_of(model, data[family].tuning[:4], data[family].preprocess)
    np.testing.assert_allclose(after, before, atol=2e-4 * np.abs(before).max() + 1e-5)
    assert np.ptp(before) > 0
    assert sum(p.numel() for p in model.parameters()) < 0.75 * n_before


def test_what_is_shifted_in_time_stays_whole(data: dict[str, TrainingData]) -> None:
    model, recipe, _ = made("clip_shift", data["clip_shift"])
    shapes = model.shapes
    groups = trace_channels(model, recipe.architecture.spec).groups.values()
    late = {
        f"trunk.blocks.{i}.body.0.0"
        for i, b in enumerate(model.trunk.blocks)
        if b.has_link and i >= model.trunk.n_early
    }
    assert late
    assert not late & {member.layer for group in groups for member in group.on("in")}
    pruned = Prune(macs_frac=0.6, recovery_frac=0, n_images=8)(model, recipe, Workbench(
        data=data["clip_shift"], monitor=lambda targets, outputs: 0.0, teacher_logits=None))  # fmt: skip
    assert pruned.shapes == shapes
    assert pruned.n_state == model.n_state


CRITERIA_OF = [(family, name) for family in ("unet3d", "clip_gru") for name in ("random", "l1", "l2", "taylor")]


@pytest.mark.parametrize(("family", "criterion"), [*CRITERIA_OF, *((family, "diagnostic") for family in FAMILIES)])
def test_every_criterion_reaches_the_target(family: str, criterion: str, data: dict[str, TrainingData]) -> None:
    model, recipe, bench = made(family, data[family])
    spec, before = recipe.architecture.spec, weights_digest(model)
    pruned = Prune(criterion=criterion, macs_frac=0.5, recovery_frac=0, n_images=8)(model, recipe, bench)
    assert macs_of(pruned, spec) <= 0.5 * macs_of(model, spec)
    assert count_model(pruned, spec, device_named("host")).mmacs == pytest.approx(macs_of(pruned, spec) / 1e6, rel=1e-2)
    with torch.no_grad():
        outputs = pruned(torch.zeros(2, *spec.shape))
    assert outputs.shape == model(torch.zeros(2, *spec.shape)).shape
    assert torch.isfinite(outputs).all()
    assert weights_digest(model) == before


def test_a_gated_unit_carries_fewer_numbers_and_streams_as_before(data: dict[str, TrainingData]) -> None:
    model, recipe, bench = made("clip_gru", data["clip_gru"])
    pruned = Prune(criterion="random", allocation="local", macs_frac=0.4, recovery_frac=0)(model, recipe, bench)
    assert 0 < pruned.n_state < model.n_state == 64
    clips = as_batch(bench.data.preprocess.normalize(bench.data.tuning[:3]))
    state, said = torch.zeros(3, pruned.n_state), []
    with torch.no_grad():
        for t in range(clips.shape[1]):
            answer, state = pruned.step(clips[:, t], state)
            said.append(answer)
        torch.testing.assert_close(torch.stack(said, 1).mean(1), pruned(clips), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("criterion", ["taylor", "diagnostic"])
def test_a_silent_channel_is_worth_nothing(family: str, criterion: str, data: dict[str, TrainingData]) -> None:
    model, recipe, bench = made(family, data[family])
    spec = recipe.architecture.spec
    channels = trace_channels(model, spec)
    paper = PaperWidths(layer_costs(model, spec), channels.groups, device_named("host"))
    group = max((g for g in channels.groups.values() if not g.name.startswith("cell")), key=lambda g: g.n_channels)
    layers = dict(model.named_modules())
    with torch.no_grad():
        for member in group.on("in"):
            layers[member.layer].weight[:, member.local[member.root == 1]] = 0  # type: ignore[union-attr, index]
    found = CRITERIA.get(criterion)(channels, paper, Sample(data=bench.data, rows=np.arange(8), seed=0))[group.name]
    assert found[1] == found.min() < np.median(found)


@pytest.mark.parametrize("family", ["unet3d", "net3d", "clip_mean"])
def test_a_refitted_network_says_more_nearly_what_the_dense_one_said(
    family: str, data: dict[str, TrainingData]
) -> None:
    model, recipe, bench = made(family, data[family])
    images, preprocess = bench.data.tuning, bench.data.preprocess
    dense = logits_of(model, images, preprocess)

    def error(*, refit: bool) -> float:
        settings = Prune(criterion="l1", macs_frac=0.5, recovery_frac=0, n_images=16, reconstruct=refit)
        return float(np.square(logits_of(settings(model, recipe, bench), images, preprocess) - dense).mean())

    assert error(refit=True) < 0.6 * error(refit=False)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["unet3d", "clip_gru"])
def test_the_exported_file_is_smaller_and_is_rebuilt_from_its_weights(
    family: str, data: dict[str, TrainingData], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    model, recipe, bench = made(family, data[family])
    options: dict[str, bool | int | float | str | None] = {"macs_frac": 0.4, "recovery_frac": 1.0, "n_images": 8}
    plan = TrainPlan(n_epochs=1)
    if family == "unet3d":
        task = Task(classes=("background", "head", "tail"), kind="segmentation")
        plan = for_volumes(TrainPlan(n_epochs=2), recipe.architecture.spec, task, may_flip=False)
    recipe = replace(recipe, plan=plan, steps=(StepCall(step="prune", options=options),))
    held = compress(recipe, replace(bench, start=model, folder=tmp_path), tmp_path)
    pruned = load_compressed(held, tmp_path)
    assert weights_digest(pruned) == held.digest
    spec = recipe.architecture.spec
    assert macs_of(pruned, spec) <= 0.4 * macs_of(model, spec)
    sizes = {}
    for name, network in (("dense", model), ("pruned", pruned)):
        observed = bench.data.preprocess.normalize(bench.data.development[:4])
        job = ExportJob(
            model=network, spec=spec, n_classes=recipe.architecture.n_classes, observed=observed,
            folder=tmp_path / name, plan=QuantizationPlan(n_observed=4, observation=digest_array(observed)),
        )  # fmt: skip
        (artifact,) = convert(job, "onnx", ("fp32",))
        sizes[name] = artifact.size_bytes
        exported = logits(open_session(artifact, tmp_path / name), observed)
        np.testing.assert_allclose(exported, logits(eager_session(network), observed), atol=1e-3)
    assert sizes["pruned"] < 0.6 * sizes["dense"]


def test_places_of_planes_and_lines_are_those_of_the_volume() -> None:
    spec = VOLUME.spec
    rng = np.random.default_rng(0)
    volumes = torch.from_numpy(rng.random((3, 5, 8, 8, 4)).astype(np.float32))
    planes = volumes.movedim(2, 1).flatten(0, 1)
    lines = volumes.flatten(3)
    for value, kind in ((planes, "planes"), (lines, "lines")):
        layout = layout_of(tuple(value.shape), 3, spec)
        assert (layout.kind, layout.sides) == (kind, (8, 8, 4))
        torch.testing.assert_close(layout.unfolded(value), volumes)
        torch.testing.assert_close(layout.folded(volumes), value)
    assert layout_of((12, 7, 4, 4), 3, CLIP.spec).kind == "images"


def test_a_volume_counts_where_the_patient_is() -> None:
    pixels = np.zeros((2, 1, *VOLUME.spec.shape[1:]), np.uint8)
    pixels[:, :, :8] = 200  # the lower half of the volume is air
    inside = case_foreground(pixels, VOLUME.spec)
    assert inside.shape == (2, 1, 16, 16, 8)
    assert pooled(inside, (4, 4, 2))[0, 0, :, 0, 0].tolist() == [1, 1, 0, 0]
    even = [torch.ones(2, 3, 8, 8, 4), torch.ones(2, 3, 4, 4, 4)]
    found = place_weights(pixels, VOLUME.spec, even, floor=0.25)
    assert set(found) == {(8, 8, 4), (4, 4, 4)}
    for weights in found.values():
        assert weights.mean().item() == pytest.approx(1)
        assert weights[:, :, 0].min() == pytest.approx(4 * weights[:, :, -1].max().item())
    clips = np.zeros((2, 4, 1, 16, 16), np.uint8)
    clips[0, 0] = 200
    clips[0, 0, :, 0, 0] = 0
    assert case_foreground(clips, CLIP.spec).shape == (8, 1, 16, 16)
