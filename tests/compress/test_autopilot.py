"""The ladder of fixes: its order, what it builds upon, and where it stops."""

from dataclasses import dataclass, field

from bedside.base.digest import Digest
from bedside.compress.autopilot import OBSERVERS, PLAIN, PREPARATIONS, Climb, Diagnosis, Fix, climb
from bedside.compress.damage import Change, DamageTable, LayerDamage

GOOD = Change(sqnr_db=40.0, flips_frac=0.0)
N_LAYERS = 8


@dataclass(frozen=True)
class Result:
    passed: bool
    loss: tuple[float, ...]


@dataclass
class Lab:
    """Files that pass or lose as told, and the fixes that were asked for."""

    passing: tuple[str, ...] = ()
    losses: dict[str, float] = field(default_factory=dict)
    asked: list[Fix] = field(default_factory=list)
    n_diagnoses: int = 0

    def __call__(self, fix: Fix) -> Result:
        self.asked.append(fix)
        return Result(fix.name in self.passing or fix.kind in self.passing, (self.losses.get(fix.name, 1.0),))

    def diagnose(self) -> Diagnosis:
        self.n_diagnoses += 1
        rows = tuple(
            LayerDamage(layer=f"l{i}", members=(f"l{i}", f"a{i}"), alone=GOOD, without=GOOD) for i in range(N_LAYERS)
        )
        table = DamageTable(whole=GOOD, rows=rows, n_images=4)
        return Diagnosis(damage=table, foresee=lambda fix: 10.0 + 5 * len(fix.layers))

    def run(self, *, may_train: bool = True) -> Climb:
        return climb(self, self.diagnose, may_train=may_train)


def test_plain_is_all_where_it_passes() -> None:
    lab = Lab(passing=("plain",))
    assert lab.run().chosen == PLAIN
    assert len(lab.asked) == 1
    assert lab.n_diagnoses == 0


def test_fixes_come_in_order_of_cost_and_nothing_is_tried_twice() -> None:
    lab = Lab()
    found = lab.run()
    kinds = [fix.kind for fix in lab.asked]
    assert found.chosen is None
    assert kinds == (
        ["plain"] + ["observer"] * len(OBSERVERS) + ["prepared"] * len(PREPARATIONS) + ["a16", "float"] * 3
        + ["w8a16", "qat"]
    )  # fmt: skip
    assert len(set(lab.asked)) == len(lab.asked)
    assert lab.n_diagnoses == 1
    assert "qat" not in [fix.kind for fix in Lab().run(may_train=False).tried]


def test_islands_hold_the_most_damaged_layers_with_their_activations() -> None:
    lab = Lab(passing=("2 layers in float",))
    found = lab.run()
    assert found.chosen is not None
    assert found.chosen.layers == ("l0", "l1")
    rules = found.chosen.plan(3, Digest("0" * 64)).rules
    assert [(rule.layer, rule.keeps) for rule in rules] == [(path, "float") for path in ("l0", "a0", "l1", "a1")]
    assert found.damage is not None


def test_what_clearly_helped_is_built_upon_and_chance_is_not() -> None:
    helped = Lab(losses={"mse ranges": 0.4})
    helped.run()
    assert any(fix.kind == "float" and fix.ranges == "mse" for fix in helped.asked)
    assert any(fix.kind == "float" and fix.ranges == "min_max" for fix in helped.asked)
    chance = Lab(losses={"mse ranges": 0.9})
    chance.run()
    assert all(fix.ranges == "min_max" for fix in chance.asked if fix.kind == "float")


def test_islands_that_gain_nothing_in_simulation_are_not_converted() -> None:
    lab = Lab()
    found = climb(lab, lambda: Diagnosis(damage=lab.diagnose().damage, foresee=lambda fix: 10.0))
    assert not any(fix.layers for fix in found.tried)
    nothing = climb(Lab(), lambda: None)
    assert nothing.damage is None
