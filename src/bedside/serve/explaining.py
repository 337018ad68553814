"""Where the shipped file looks in a new image, and whether int8 moved the gaze of its own fp32 file on a cohort."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray, IntArray
from bedside.base.errors import CohortError, InputError
from bedside.bundle.opening import Bundle
from bedside.data.case import Case
from bedside.data.cohort import Cohort
from bedside.data.masks import stack_masks
from bedside.data.stacking import stack_images
from bedside.data.units import units_of
from bedside.data.volume_placing import three_views
from bedside.runtime.session import open_session
from bedside.serve.class_only import require_classes
from bedside.serve.predicting import Predictor
from bedside.serve.prediction import Prediction
from bedside.verify.deletion import Faithfulness, faithfulness
from bedside.verify.gaze import HIT_MARGIN, ExplanationReport, judge_gaze
from bedside.verify.heat import HEAT_MAPS, OF_VOLUMES, heat_maps


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A prediction with the heat map of the called class.

    Parameters
    ----------
    mapped
        The class that the map is of: the one called or, of an image that is referred, the one that would have been.
    image, heat
        The image as the model sees it, ``(C, H, W)`` uint8, and its map, ``(H, W)`` in [0, 1]; of a volume
        ``(C, D, H, W)`` and ``(D, H, W)``.
    """

    prediction: Prediction
    method: str
    mapped: str
    image: ByteArray = field(repr=False)
    heat: FloatArray = field(repr=False)

    def pictured(self) -> tuple[ByteArray, FloatArray]:
        """Image ``(C, H', W')`` and map ``(H', W')``; of a volume the three central planes of its first channel."""
        if self.heat.ndim == 2:
            return self.image, self.heat
        return three_views(self.image[0])[None], three_views(self.heat)

    @property
    def hottest(self) -> tuple[int, ...] | None:
        """Where the map is hottest: row and column, of a volume plane, row and column; None of a blank map."""
        if not self.heat.any():
            return None
        return tuple(int(i) for i in np.unravel_index(int(self.heat.argmax()), self.heat.shape))


def explain(predictor: Predictor, file: Path | str, *, method: str = "occlusion") -> Explained:
    """Predict one image or volume file and map the class that is called.

    Raises
    ------
    InputError
        If the bundle puts no case in one class, or the method maps no volumes and the bundle is one of them.
    """
    _check(predictor.bundle, method)
    (prediction,) = predictor.predict([file])
    preprocess = predictor.bundle.manifest.preprocess
    image = preprocess.pixels_of(Path(file))
    # Of an image that the gate refers too, the map is that of the class that would have been called.
    called = int(predictor.shipped.point.calls(np.array([prediction.probabilities]))[0])
    heat = HEAT_MAPS.get(method)(predictor.session, preprocess.normalize(image), predictor.shipped.point, called)
    mapped = prediction.classes[called]
    return Explained(prediction=prediction, method=method, mapped=mapped, image=image, heat=heat)


def _check(bundle: Bundle, method: str) -> None:
    require_classes(bundle, "heat maps", of_volumes=True)
    HEAT_MAPS.get(method)
    if bundle.manifest.preprocess.depth_px is not None and method not in OF_VOLUMES:
        raise InputError(
            f"{method} is made for single images, and {bundle.manifest.name} takes volumes",
            expected="one of " + ", ".join(OF_VOLUMES), hint="see --method",
        )  # fmt: skip


def gaze_of_bundle(
    bundle: Bundle,
    cohort: Cohort,
    *,
    method: str = "occlusion",
    n_cases: int = 200,
    hit_margin: float = HIT_MARGIN,
    seed: int = 0,
    threads: int = 1,
    tick: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> ExplanationReport:
    """Map the int8 file of the first format and its own fp32 file on the same cases, each case for its true class.

    Parameters
    ----------
    cohort
        Its classes must be among the bundle's. Where it has a test part, only that part is looked at.
    n_cases
        At most so many cases, drawn by `seed`; cases with a lesion mask go first.

    Raises
    ------
    CohortError
        If the cohort has a class that the bundle does not know.
    InputError
        If the bundle lacks either file.
    """
    require_classes(bundle, "comparisons of where two files look")
    maps_of, format_ = HEAT_MAPS.get(method), bundle.model().artifact.format
    pair = (bundle.model(format_, "fp32"), bundle.model(format_, "int8"))
    cases = chosen_cases(cohort, n_cases, seed)
    preprocess = bundle.manifest.preprocess
    classes = _classes_of(cases, cohort, bundle)
    images, masks = preprocess.normalize(stack_images(cases, preprocess)), stack_masks(cases, preprocess)
    units, maps, faithful = units_of(cases), dict[str, FloatArray](), dict[str, Faithfulness]()
    for model in pair:
        name, session = model.artifact.name, open_session(model.artifact, bundle.models_folder, threads=threads)
        show = _named(tick, f"{name}, maps")
        maps[name] = heat_maps(maps_of, session, images, classes, model.point, tick=show)
        show = _named(tick, f"{name}, deletion and insertion")
        faithful[name] = faithfulness(session, images, maps[name], classes, model.point, units, seed=seed, tick=show)
    part = "its test part" if cases[0].part == "test" else "all parts, of which the model may have been fitted on some"
    return judge_gaze(
        method, maps, masks, units, faithfulness=faithful, hit_margin=hit_margin, seed=seed,
        about=f"{cohort.source}, {part}",
    )  # fmt: skip


def _named(tick: Callable[[int, int, str], None], what: str) -> Callable[[int, int], None]:
    return lambda done, total: tick(done, total, what)


def chosen_cases(cohort: Cohort, n_cases: int, seed: int) -> tuple[Case, ...]:
    """At most `n_cases` of the test part (of all, where there is none), those with a lesion mask first, in order."""
    if n_cases < 1:
        raise InputError(f"{n_cases} cases", expected="1 or more", hint="see --cases")
    cases = [case for case in cohort.cases if case.part == "test"] or list(cohort.cases)
    rng = np.random.default_rng(seed)
    order = sorted(rng.permutation(len(cases)).tolist(), key=lambda i: not _has_lesion(cases[i]))
    return tuple(cases[i] for i in sorted(order[:n_cases]))


def _has_lesion(case: Case) -> bool:
    mask = case.mask()
    return mask is not None and bool(mask.any())


def _classes_of(cases: Sequence[Case], cohort: Cohort, bundle: Bundle) -> IntArray:
    """The cohort's labels as the bundle numbers them."""
    known = bundle.manifest.task.classes
    names = [cohort.task.classes[case.label] for case in cases]
    if unknown := sorted(set(names) - set(known)):
        raise CohortError(
            f"{cohort.source} has the class {', '.join(unknown)}",
            expected="one of " + ", ".join(known),
            hint="rename the labels to the bundle's, or leave those cases out",
        )
    return np.array([known.index(name) for name in names], np.int64)
