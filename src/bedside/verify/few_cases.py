"""What so few patients can say at best, in words, before anything is trained on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.base.task import Task
from bedside.data.case import Case
from bedside.data.split import Split
from bedside.data.units import unit_word, units_of
from bedside.verify.clusters import FEW
from bedside.verify.proportions import exact_interval

FEW_TUNING = 5
"""Patients of a class in the tuning part below which it is said that they are few; of the test part it is `FEW`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Cases that one figure is about: which they are, in words, and what it is called."""

    phrase: str
    figure: str
    holds: Callable[[Case], bool]


def few_cases(split: Split, task: Task) -> tuple[str, ...]:
    """Sentences about each class of which the test part has fewer than 10 patients, or the tuning part fewer than 5.

    Each names the exact 95 % interval (Clopper and Pearson, Biometrika 1934) that the figure of the class gets at best,
    where all go well, and at worst. Labels are counted, no image is read, and the test part stays sealed.

    Examples
    --------
    >>> few_cases(split, task)  # doctest: +SKIP
    ('test part: 7 patients with "ill": sensitivity is known to 59-100 % at best, ... ',)
    """
    word, sides = unit_word(split.development), _sides(task, split.development)
    tuning = _counted(split.tuning, sides)
    test = split.test.counted(lambda cases: _counted(cases, sides))
    return (
        *(_of_test(side, test[side.phrase], word) for side in sides if test[side.phrase] < FEW),
        *(_of_tuning(side, tuning[side.phrase], word) for side in sides if tuning[side.phrase] < FEW_TUNING),
    )


def _counted(cases: Sequence[Case], sides: Sequence[_Side]) -> dict[str, int]:
    units = units_of(cases)
    return {
        side.phrase: len({unit for case, unit in zip(cases, units, strict=True) if side.holds(case)}) for side in sides
    }


def _sides(task: Task, cases: Sequence[Case]) -> list[_Side]:
    names = list(enumerate(task.classes))
    if task.is_binary:
        other = 1 - task.positive
        return [_class_side(task, task.positive, "sensitivity"), _class_side(task, other, "specificity")]
    if task.kind == "multilabel":
        return [
            _Side(
                phrase=f'{word} "{name}"', figure=f'{figure} of "{name}"',
                holds=lambda case, k=k, mark=mark: case.marks[k] == mark,
            )
            for k, name in names
            for mark, word, figure in ((1, "with", "sensitivity"), (0, "without", "specificity"))
        ]  # fmt: skip
    if task.kind != "segmentation":
        return [_class_side(task, k, f'sensitivity of "{name}"') for k, name in names]
    if all(case.marks for case in cases):
        return [_class_side(task, k, f'a share such as the Dice of "{name}"') for k, name in names[1:]]
    return [_Side(phrase="in all", figure="a share such as Dice", holds=lambda case: True)]


def _class_side(task: Task, k: int, figure: str) -> _Side:
    return _Side(phrase=f'with "{task.classes[k]}"', figure=figure, holds=lambda case: k in case.holds(task))


def _of_test(side: _Side, n: int, word: str) -> str:
    if not n:
        return f"test part: no {word} {side.phrase}: {side.figure} cannot be given"
    best, worst = exact_interval(1.0, n), max((exact_interval(k / n, n) for k in range(n + 1)), key=_width)
    return (
        f"test part: {_number(n, word)} {side.phrase}, fewer than {FEW}: {side.figure} is known to {_percent(best)} if "
        f"all goes well, and to {_percent(worst)} at worst (exact 95 % intervals)"
    )


def _of_tuning(side: _Side, n: int, word: str) -> str:
    head = f"tuning part: {_number(n, word) if n else f'no {word}'} {side.phrase}, fewer than {FEW_TUNING}"
    bound = f"; what all of them agree on is known to {_percent(exact_interval(1.0, n))}" if n else ""
    return f"{head}: threshold, temperature and the choice among candidates lean on them{bound}"


def _number(n: int, word: str) -> str:
    return f"{n} {word if n != 1 else _singular(word)}"


def _singular(words: str) -> str:
    return " ".join(word.removesuffix("s") for word in words.split())


def _width(ends: tuple[float, float]) -> float:
    return ends[1] - ends[0]


def _percent(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f}-{100 * ends[1]:.0f} %"
