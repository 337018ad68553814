"""A candidate in int8 is scored by what rounding leaves of it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="a search needs the workshop extra")

from bedside.base.errors import InputError, RecipeError
from bedside.base.journal import Journal
from bedside.base.task import Task
from bedside.compress.search.brief import SearchPlan
from bedside.compress.search.options import SearchOptions
from bedside.compress.search.oracle import ShortFit
from bedside.compress.search.scoring import score_of
from bedside.data.preprocess import Preprocess
from bedside.train.architecture import Architecture, build
from bedside.train.fitting import TrainingData
from bedside.verify.metrics import softmax
from bedside.verify.noninferiority import auroc_of

pytestmark = pytest.mark.workshop

PREPROCESS = Preprocess(n_channels=1, height_px=16, width_px=16)
TASK = Task(classes=("dark", "bright"))


def material() -> TrainingData:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = rng.integers(0, 180, (120, 1, 16, 16)) + 40 * labels[:, None, None, None]
    images = images.astype(np.uint8)
    return TrainingData(
        development=images[:80], development_targets=labels[:80], tuning=images[80:], tuning_targets=labels[80:],
        preprocess=PREPROCESS,
    )  # fmt: skip


def auroc(targets: np.ndarray, outputs: np.ndarray) -> float:
    return auroc_of(TASK, targets, softmax(outputs))


def test_rounding_is_in_the_score_of_an_int8_candidate_alone() -> None:
    data, answers = material(), []

    def monitor(targets: np.ndarray, outputs: np.ndarray) -> float:
        answers.append(outputs)
        return auroc(targets, outputs)

    model = build(Architecture(family="residual", width=0.25, spec=PREPROCESS.spec, n_classes=2), seed=0).eval()
    score_of(model, data, monitor, rounded=False)
    score_of(model, data, monitor, rounded=True)
    plain, rounded = answers
    with torch.no_grad():
        own = model(torch.from_numpy(PREPROCESS.normalize(data.tuning))).numpy()
    np.testing.assert_allclose(plain, own, atol=1e-5)
    change = np.abs(rounded - plain).max() / np.abs(plain).max()
    assert 0 < change < 0.2
    levels = np.unique(rounded[:, 0])
    assert len(levels) <= 256


def test_a_network_whose_ranges_hide_the_answer_is_scored_lower_in_int8() -> None:
    """One channel of a thousandfold range leaves the one that tells fewer than 256 levels."""

    class Hidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(1, 2, 1)
            self.first.weight.data = torch.tensor([1.0, 5000.0]).reshape(2, 1, 1, 1)
            self.first.bias.data.zero_()
            self.last = torch.nn.Linear(2, 2)
            self.last.weight.data = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
            self.last.bias.data.zero_()

        def forward(self, x):
            return self.last(self.first(x).mean(dim=(2, 3)))

    data = material()
    assert score_of(Hidden().eval(), data, auroc, rounded=False) == 1.0
    assert score_of(Hidden().eval(), data, auroc, rounded=True) < 0.9


def test_both_precisions_of_a_short_fit_are_other_answers(tmp_path) -> None:
    from bedside.compress.recipe import Recipe
    from bedside.compress.search.spread import Here
    from bedside.train.plan import TrainPlan

    data = material()
    oracle = ShortFit(data={16: data}, monitor=auroc, n_epochs=1, material="m")
    architecture = Architecture(family="residual", width=0.25, spec=PREPROCESS.spec, n_classes=2)
    recipe = Recipe(architecture=architecture, plan=TrainPlan(n_epochs=1, batch_size=32))
    plain, rounded, again = Here().judge(oracle, [(recipe, False), (recipe, True), (recipe, False)])
    assert plain == again
    assert isinstance(rounded, float)
    assert Journal(folder=tmp_path).key([oracle.digest(), recipe]) != Journal(folder=tmp_path).key(
        [oracle.digest(), recipe, "int8"]
    )


@pytest.mark.parametrize("precisions", [(), ("int4",)])
def test_unknown_precisions_are_refused(refuses, precisions: tuple[str, ...]) -> None:
    with refuses(InputError, "int8, fp32"):
        SearchOptions(precisions=precisions, plan=SearchPlan())


def test_blocks_and_gates_are_those_that_were_asked_for() -> None:
    options = SearchOptions(blocks=("ghost", "fire"), gates=("none", "coord"))
    assert options.genes.kinds == ("ghost", "fire")
    assert options.genes.attentions == ("none", "coord")
    assert options.genes.widths == SearchOptions().genes.widths


@pytest.mark.parametrize(("asked", "said"), [({"blocks": ("ghost", "flame")}, "flame"), ({"gates": ("gate",)}, "gate")])
def test_unknown_blocks_and_gates_are_refused(refuses, asked: dict[str, tuple[str, ...]], said: str) -> None:
    with refuses(RecipeError, said):
        SearchOptions(**asked)  # type: ignore[arg-type]


def test_blocks_of_whole_families_are_refused(refuses) -> None:
    with refuses(InputError, "elastic"):
        SearchOptions(families=("residual",), quality="fit", blocks=("ghost",))
