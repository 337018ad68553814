"""What a set of MedMNIST asks: its own task, or a plainer one."""

from collections.abc import Mapping

from bedside.base.errors import InputError
from bedside.base.task import Task
from bedside.data.sources.medmnist_set import MedmnistSet
from bedside.data.sources.tables import choice


def question(known: MedmnistSet, options: Mapping[str, str]) -> Task:
    """Task of a set: several labels (ChestMNIST) and ordered classes (RetinaMNIST) are asked as what they are.

    Option ``positive`` names the class that is looked for; of several labels it is then asked alone, against its
    absence. Option ``task`` is ``own`` (the default) or ``classification``: one label against its absence, or classes
    without their order.

    Raises
    ------
    InputError
        For an unknown class or task.
    """
    asked = options.get("positive")
    if asked is not None and asked not in known.classes:
        raise InputError(
            f"no class called {asked!r}", expected="one of " + ", ".join(known.classes), hint="see --positive"
        )
    plain = choice(options, "task", ("own", "classification")) == "classification"
    positive = known.positive if asked is None else known.classes.index(asked)
    if known.task == "multi-label":
        if asked is None and not plain:
            return Task(classes=known.classes, positive=0, kind="multilabel")
        return Task(classes=(f"no {known.classes[positive]}", known.classes[positive]), positive=1)
    ordered = known.task == "ordinal" and not plain
    return Task(classes=known.classes, positive=positive, kind="ordinal" if ordered else "classification")
