"""Where the candidates of one batch are judged: here one after the other, or on a Ray cluster that is already there.

Only judging is spread. Files are timed on the machine that began the search, one at a time: milliseconds of different
machines cannot stand in one table. The only file that knows Ray.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedside.base.errors import BedsideError, InputError
from bedside.base.seam import Requirement, require
from bedside.compress.recipe import Recipe
from bedside.compress.search.oracle import QualityOracle

_REQUIRES = (Requirement("ray", "ray"),)


Question = tuple[Recipe, bool]
"""A candidate, and whether it is scored as its int8 file would answer."""


class Spread(Protocol):
    """Judges candidates and returns answers in their order: a score, or why there is none."""

    def judge(self, oracle: QualityOracle, questions: Sequence[Question]) -> list[float | str]:
        """Ask the oracle each question."""
        ...


def judged(oracle: QualityOracle, question: Question) -> float | str:
    """Ask for one candidate; one that cannot be built or fitted is an answer too, not the end of the search."""
    recipe, rounded = question
    try:
        return oracle.quality(recipe, rounded=True) if rounded else oracle.quality(recipe)
    except BedsideError as error:
        return error.message


@dataclass(frozen=True, slots=True)
class Here:
    """One after the other in this process."""

    def judge(self, oracle: QualityOracle, questions: Sequence[Question]) -> list[float | str]:
        """Ask the oracle each question."""
        return [judged(oracle, question) for question in questions]


@dataclass(slots=True)
class OnRay:
    """A task a candidate on the workers of a cluster; the oracle is sent once.

    Parameters
    ----------
    address
        ``host:port`` of the head, or ``auto`` for the cluster of this machine.
    """

    address: str
    _sent: dict[str, Any] = field(default_factory=dict)

    def judge(self, oracle: QualityOracle, questions: Sequence[Question]) -> list[float | str]:
        """Ask the oracle each question, on whichever worker is free."""
        import ray

        self._join()
        key = oracle.digest()
        if key not in self._sent:
            self._sent[key] = ray.put(oracle)
        # A worker that dies is tried again; an answer does not depend on who gives it.
        ask = ray.remote(num_cpus=1, max_retries=3)(_judged_alone)
        return ray.get([ask.remote(self._sent[key], question) for question in questions])

    def _join(self) -> None:
        """Join the cluster once.

        Raises
        ------
        InputError
            If there is none at the address.
        """
        require("searching on a Ray cluster", _REQUIRES)
        import ray

        if ray.is_initialized():
            return
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster answers at {self.address!r}: {str(error).splitlines()[0]}",
                expected="the address of a cluster that runs", hint="start one: ray start --head",
            ) from error  # fmt: skip


def _judged_alone(oracle: QualityOracle, question: Question) -> float | str:
    """Judge on one thread: a worker is one processor."""
    import torch

    torch.set_num_threads(1)
    return judged(oracle, question)
