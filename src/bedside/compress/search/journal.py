"""A search on disk, and the samplers: the only file that knows Optuna.

Every trial asks a sampler that is made for its number alone, so that a search which was killed goes on as if it had not
been, and a search whose trials ran elsewhere asks for the same ones.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bedside.base.digest import digest_value
from bedside.base.errors import InputError
from bedside.base.files import storage_errors, write_atomic
from bedside.base.jsonform import from_json, to_json, to_plain
from bedside.base.seam import Requirement, require
from bedside.compress.search.goals import Goals, Priced
from bedside.compress.search.space import Axis, Point, SearchSpace
from bedside.compress.search.trial import SearchTrial

SAMPLERS = ("tpe", "nsga2", "random")
SamplerName = Literal["tpe", "nsga2", "random"]

N_STARTUP = 10
"""Random trials before TPE learns, and the population of NSGA-II."""

FILE = "search.journal"
_REQUIRES = (Requirement("optuna", "optuna"),)
_SEED_STEP = 1_000_003


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial that has been asked for and not yet told."""

    number: int
    point: Point
    handle: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJournal:
    """An open search; the file is its memory, not the object."""

    study: Any
    space: SearchSpace
    sampler: SamplerName
    seed: int

    def pending(self) -> list[Asked]:
        """Trials that a killed run had asked for: they are finished first."""
        import optuna

        open_states = (optuna.trial.TrialState.RUNNING,)
        found = []
        for frozen in self.study.get_trials(deepcopy=False, states=open_states):
            self.study.sampler = self._sampler_for(frozen.number, self.sampler)
            found.append(self._decided(optuna.trial.Trial(self.study, frozen._trial_id)))
        return found

    def ask(self, *, at_random: bool = False) -> Asked:
        """Ask the sampler for the next trial, or draw it at random."""
        name = "random" if at_random else self.sampler
        self.study.sampler = self._sampler_for(len(self.study.get_trials(deepcopy=False)), name)
        return self._decided(self.study.ask())

    def _decided(self, trial: Any) -> Asked:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Asked(trial.number, self.space.walk(lambda axis: _suggested(trial, axis)), trial)

    def _sampler_for(self, number: int, name: SamplerName) -> Any:
        return _sampler(name, self.seed * _SEED_STEP + number)

    def tell(self, asked: Asked, trial: SearchTrial, goods: Sequence[float]) -> None:
        """Write a finished trial down: its goods (higher is better in each), its ceilings, and the whole row."""
        for name, excess in trial.excess.items():
            asked.handle.set_constraint(name, excess)
        asked.handle.set_user_attr("row", to_plain(trial))
        self.study.tell(asked.handle, list(goods))

    def discard(self, asked: Asked) -> None:
        """Give up a trial that repeats an earlier one; it does not count."""
        import optuna

        self.study.tell(asked.handle, state=optuna.trial.TrialState.FAIL)

    def confirm(self, trial: SearchTrial) -> None:
        """Write down what was measured of a trial after it had been told."""
        held = {name: priced for name, priced in trial.costs.items() if priced.origin == "measured"}
        self.study.set_user_attr(
            f"measured:{trial.number}",
            {"costs": to_plain(held), "excess": to_plain(trial.excess), "foretold_ms": trial.foretold_ms},
        )

    def trials(self) -> tuple[SearchTrial, ...]:
        """Every finished trial by number, with what was measured of it later."""
        later = self.study.user_attrs
        found = []
        for frozen in self.study.get_trials(deepcopy=False):
            if "row" not in frozen.user_attrs or not frozen.state.is_finished():
                continue
            trial = from_json(SearchTrial, to_json(frozen.user_attrs["row"]), where="a trial in the journal")
            if more := later.get(f"measured:{frozen.number}"):
                costs = from_json(dict[str, Priced], to_json(more["costs"]), where="a trial in the journal")
                trial = replace(
                    trial, costs=trial.costs | costs, excess=more["excess"], foretold_ms=more["foretold_ms"]
                )
            found.append(trial)
        return tuple(found)


def open_journal(folder: Path, space: SearchSpace, goals: Goals, *, sampler: SamplerName, seed: int) -> SearchJournal:
    """Begin a search in a folder, or go on with the one that is there.

    Raises
    ------
    InputError
        If what is there is another search: other axes, goals, sampler or seed; or no such sampler exists.
    """
    require("searching", _REQUIRES)
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if sampler not in SAMPLERS:
        raise InputError(f"no sampler called {sampler!r}", expected="one of " + ", ".join(SAMPLERS),
                         hint="tpe is the default")  # fmt: skip
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / FILE
    _mend(path)
    with storage_errors(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        study = optuna.create_study(
            storage=storage, study_name="bedside", load_if_exists=True,
            directions=[optuna.study.StudyDirection.MAXIMIZE] * (1 + len(goals.costs)),
        )  # fmt: skip
    _check_same(study, {"space": space.digest(), "goals": digest_value(goals), "sampler": sampler, "seed": seed}, path)
    return SearchJournal(study=study, space=space, sampler=sampler, seed=seed)


def _mend(path: Path) -> None:
    """Drop a last line that a killed process left unfinished."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    held = path.read_bytes()
    whole = held[: held.rfind(b"\n") + 1]
    if whole != held:
        write_atomic(path, whole)


def _check_same(study: Any, wanted: dict[str, Any], path: Path) -> None:
    for name, value in wanted.items():
        found = study.user_attrs.get(name)
        if found is None:
            study.set_user_attr(name, value)
        elif found != value:
            raise InputError(
                f"{path} holds a search with another {name}" + (f" ({found})" if name in ("sampler", "seed") else ""),
                expected=f"the same {name} as before" + (f", not {value}" if name in ("sampler", "seed") else ""),
                hint="search into another --out, or start again with --fresh",
            )


def _suggested(trial: Any, axis: Axis) -> Any:
    """Ask for a choice; ordered ones by their rank, so that the sampler knows neighbours."""
    if not axis.ordered:
        return trial.suggest_categorical(axis.name, list(axis.choices))
    return axis.choices[trial.suggest_int(axis.name, 0, len(axis.choices) - 1)]


def _sampler(name: SamplerName, seed: int) -> Any:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=N_STARTUP)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=N_STARTUP, multivariate=True, group=True, constant_liar=True
        )
