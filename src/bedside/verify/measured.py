"""Evidence of a task whose answer is more than one class a case: named figures of shipped model and reference."""

from dataclasses import dataclass, field

from bedside.base.estimate import Estimate
from bedside.base.jsonform import OMIT_DEFAULT
from bedside.verify.noninferiority import NonInferiority


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a figure is called and how it is read.

    Parameters
    ----------
    title
        Its name in tables, such as ``Dice, polyp``.
    lower_is_better
        Whether less is better, as with a distance.
    unit
        Such as ``mm``; empty for a fraction of 0 to 1.
    """

    title: str
    lower_is_better: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredScore:
    """Figures of one model on one set of cases, by name."""

    values: dict[str, Estimate]

    def metrics(self) -> dict[str, Estimate]:
        """Estimates by name, in the order of the reports."""
        return dict(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredEvidence:
    """Clinical evaluation of the shipped model, beside the reference, on the sealed test.

    Parameters
    ----------
    primary
        Name of the figure that the verdict is about.
    metrics
        What each name means, in the order of the reports.
    flips_frac
        Share of answers (cases, pixels, objects: `flips_of` says which) that differ between the int8 file and its own
        fp32 file.
    plain
        Sentences for the first screen of the report: how well the model does, in whole numbers.
    conventions
        What was decided where the definition leaves it open (empty masks, images without objects, unknown marks).
    per_case
        Figures of the shipped model of every case, by name, in the order of the test; NaN where undefined.
    curves
        Named curves of the shipped model, ``(x, y)`` each.
    p_values
        Two-sided, of shipped model against reference, by name of the figure, corrected over all of them (Holm).
    """

    primary: str
    metrics: dict[str, Metric]
    shipped: MeasuredScore
    reference: MeasuredScore
    non_inferiority: NonInferiority
    flips_frac: Estimate
    flips_of: str
    n_cases: int
    n_patients: int
    reason: str
    seed: int
    plain: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    per_case: dict[str, tuple[float, ...]] = field(default_factory=dict)
    curves: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict, metadata=OMIT_DEFAULT)
    p_values: dict[str, float] = field(default_factory=dict, metadata=OMIT_DEFAULT)
