"""Every kind of distillation ends, learns, and leaves what it was given alone; ensembles are means of their members."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="distillation needs the workshop extra")

from fitted_network import SPEC, Fitted, monitor

from bedside.base.errors import RecipeError, ShapeError
from bedside.compress.distil import Distil, distil
from bedside.compress.recipe import Recipe
from bedside.compress.self_distil import SelfDistil, newborn
from bedside.train.answering import blended
from bedside.train.architecture import Architecture, build
from bedside.train.checkpoint import weights_digest
from bedside.train.fitting import fit, logits_of
from bedside.train.guide import GUIDES, GuideOrder
from bedside.train.plan import TrainPlan

pytestmark = pytest.mark.workshop

STUDENT = Architecture(family="residual", width=0.25, spec=SPEC, n_classes=2)
PLAN = TrainPlan(n_epochs=14, n_views=2, learning_rate=3e-3, batch_size=32)


def score(model: "torch.nn.Module", fitted: Fitted) -> float:
    return monitor(fitted.data.tuning_targets, logits_of(model, fitted.data.tuning, fitted.data.preprocess))


@pytest.mark.parametrize("kind", ["soft_targets", "attention", "hints", "relational"])
def test_a_student_learns_by_every_kind(kind: str, fitted: Fitted) -> None:
    student = build(STUDENT, seed=0)
    before, teacher_before = weights_digest(student), weights_digest(fitted.model)
    bench = replace(fitted.bench, teacher=fitted.model)
    made = Distil(kind=kind)(student, Recipe(architecture=STUDENT, plan=PLAN), bench)
    assert score(made, fitted) > 0.6
    assert (weights_digest(student), weights_digest(fitted.model)) == (before, teacher_before)
    assert list(made.state_dict()) == list(student.state_dict()), "nothing that learned beside it stays"
    assert not any(module._forward_hooks for module in (*made.modules(), *fitted.model.modules()))


def test_plain_distillation_is_what_a_fit_alone_gives(fitted: Fitted) -> None:
    plan = replace(PLAN, n_epochs=1)
    alone, _ = fit(
        build(STUDENT, seed=0), plan, fitted.data, monitor=monitor, teacher_logits=fitted.bench.teacher_logits
    )
    bench = replace(fitted.bench, teacher=fitted.model)
    made = distil(build(STUDENT, seed=0), Recipe(architecture=STUDENT, plan=plan), bench)
    assert weights_digest(made) == weights_digest(alone)


def test_a_guided_fit_that_was_cut_off_ends_as_one_that_was_not(fitted: Fitted, tmp_path) -> None:
    class CutOffError(Exception):
        pass

    def cut(mark) -> None:
        if mark.epoch == 0:
            raise CutOffError

    recipe, step = Recipe(architecture=STUDENT, plan=replace(PLAN, n_epochs=3)), Distil(kind="hints")
    bench = replace(fitted.bench, teacher=fitted.model)
    whole = step(build(STUDENT, seed=0), recipe, bench)
    with pytest.raises(CutOffError):
        step(build(STUDENT, seed=0), recipe, replace(bench, folder=tmp_path, on_epoch=cut))
    resumed = step(build(STUDENT, seed=0), recipe, replace(bench, folder=tmp_path))
    assert weights_digest(resumed) == weights_digest(whole)


def test_kinds_that_look_inside_ask_for_a_teacher(fitted: Fitted, refuses) -> None:
    recipe = Recipe(architecture=STUDENT, plan=PLAN)
    with refuses(RecipeError, "without a teacher network"):
        Distil(kind="attention")(build(STUDENT, seed=0), recipe, fitted.bench)
    with refuses(RecipeError, "by pixels of a classification task"):
        Distil(kind="pixels")(build(STUDENT, seed=0), recipe, replace(fitted.bench, teacher=fitted.model))


@pytest.mark.parametrize("kind", ["born_again", "deep_to_shallow"])
def test_a_network_teaches_itself(kind, fitted: Fitted) -> None:
    recipe = Recipe(architecture=STUDENT, plan=PLAN)
    bench = replace(fitted.bench, teacher_logits=None)
    first = distil(build(STUDENT, seed=0), recipe, bench)
    before = weights_digest(first)
    second = SelfDistil(kind=kind)(first, recipe, bench)
    assert weights_digest(first) == before != weights_digest(second)
    assert score(second, fitted) > 0.6
    assert list(second.state_dict()) == list(first.state_dict())


def test_a_new_generation_is_fresh_unless_its_parent_was_cut(fitted: Fitted) -> None:
    recipe = Recipe(architecture=STUDENT, plan=PLAN)
    parent = build(STUDENT, seed=PLAN.seed)
    assert weights_digest(newborn(parent, recipe, fitted.bench, 1)) != weights_digest(parent)
    narrow = build(replace(STUDENT, width=0.5), seed=0)
    child = newborn(narrow, recipe, fitted.bench, 1)
    assert weights_digest(child) == weights_digest(narrow)
    assert child is not narrow


def test_the_heads_of_early_stages_move_them_but_not_the_final_answer(fitted: Fitted) -> None:
    model = build(STUDENT, seed=0)
    guide = GUIDES.get("deep_to_shallow")(GuideOrder(student=model, teacher=None, data=fitted.data, plan=PLAN))
    heads = guide.begin(model)
    assert heads is not None
    outputs = model.train()(torch.zeros(4, *SPEC.shape))
    guide.loss(outputs, torch.tensor([0, 1, 0, 1]), np.arange(4), 0).backward()
    guide.end()
    last = model[-1].linear.weight  # type: ignore[union-attr,index]
    assert last.grad is None, "the final head is the teacher"
    assert all(p.grad is not None for p in heads.parameters())


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    rng = np.random.default_rng(0)
    answers = [rng.normal(size=(2, 5, 3)).astype(np.float32) for _ in range(3)]

    def softmax(x: np.ndarray) -> np.ndarray:
        raised = np.exp(x - x.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)

    mean = blended(answers, "probabilities", "classification")
    np.testing.assert_allclose(softmax(mean), np.mean([softmax(a) for a in answers], axis=0), rtol=1e-5)
    marks = blended(answers, "probabilities", "multilabel")
    np.testing.assert_allclose(1 / (1 + np.exp(-marks)), np.mean([1 / (1 + np.exp(-a)) for a in answers], 0), rtol=1e-5)
    np.testing.assert_allclose(blended(answers, "logits", "ordinal"), np.mean(answers, axis=0), rtol=1e-4, atol=1e-6)
    assert blended(answers[:1], "probabilities", "classification") is answers[0]
    assert mean.dtype == np.float32


def test_maps_of_an_ensemble_are_averaged_place_by_place() -> None:
    answers = [np.random.default_rng(i).normal(size=(1, 2, 3, 4, 4)).astype(np.float16) for i in range(2)]
    mean = torch.from_numpy(blended(answers, "probabilities", "segmentation").astype(np.float32)).softmax(2)
    members = [torch.from_numpy(a.astype(np.float32)).softmax(2) for a in answers]
    torch.testing.assert_close(mean, (members[0] + members[1]) / 2, atol=2e-3, rtol=0)


def test_answers_to_other_views_are_not_averaged(refuses) -> None:
    with refuses(ShapeError, "2 teachers"):
        blended([np.zeros((2, 5, 3)), np.zeros((1, 5, 3))], "logits", "classification")
