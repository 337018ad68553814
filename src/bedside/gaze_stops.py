"""Did compression move the gaze? Occlusion maps of reference and shipped file on a few opened test images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from bedside.base.arrays import BoolArray, ByteArray, FloatArray, IntArray
from bedside.base.digest import Digest, digest_array
from bedside.base.files import write_atomic
from bedside.bundle.sealing import ModelFile
from bedside.cohort_stops import Material
from bedside.data.case_notes import CaseNotes
from bedside.export.exported import eager_session
from bedside.running import Run
from bedside.runtime.session import Session, open_session
from bedside.verify.deletion import Faithfulness, faithfulness
from bedside.verify.gaze import ExplanationReport, judge_gaze
from bedside.verify.heat import heat_maps
from bedside.verify.occlusion import occlusion_map
from bedside.verify.operating_point import OperatingPoint
from bedside.verify.sanity import SanityCheck, check_sanity

if TYPE_CHECKING:
    from torch import nn

MAX_GMACS = 250.0
"""Work that the maps may cost, in thousand million multiply-accumulates: some ten seconds of one core."""

_PLANS = ((60, 10), (40, 10), (24, 10), (24, 7), (24, 6))
_CURVE_RUNS = 84
N_FAITHFUL, N_SANITY, N_STAGES = 16, 10, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GazePlan:
    """How many cases are mapped, with how many windows along a side: by work on paper, so that machines agree."""

    n_cases: int
    n_cells: int
    n_faithful: int

    @classmethod
    def within(cls, mmacs: float, *, max_gmacs: float = MAX_GMACS) -> "GazePlan":
        """Take the fullest plan whose maps stay within the work; the leanest where none does.

        Parameters
        ----------
        mmacs
            Million multiply-accumulates of all models together, one image.
        """
        fitting = [(n, cells) for n, cells in _PLANS if n * (cells * cells + 1) * mmacs / 1000 <= max_gmacs]
        n, cells = fitting[0] if fitting else _PLANS[-1]
        most = int(max_gmacs * 1000 / (_CURVE_RUNS * max(mmacs, 1e-9)))
        return cls(n_cases=n, n_cells=cells, n_faithful=max(4, min(N_FAITHFUL, most)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GazeOutcome:
    """The report, and the maps that pictures are made from.

    Parameters
    ----------
    rows
        Of the opened test, ``(n,)``, in the order of the maps.
    maps
        ``(n, H, W)`` by model, the reference first and the shipped file last.
    """

    report: ExplanationReport
    rows: IntArray = field(repr=False)
    maps: dict[str, FloatArray] = field(repr=False)
    masks: BoolArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """A model that is asked where it looks."""

    name: str
    session: Session
    point: OperatingPoint
    digest: Digest


def gazed(
    run: Run, material: Material, reference: Looker, own_fp32: ModelFile, shipped: ModelFile, network: "nn.Module",
    plan: GazePlan, images: ByteArray, labels: IntArray, units: tuple[str, ...], notes: CaseNotes,
) -> GazeOutcome:  # fmt: skip
    """Map each case for its true class, by every model; judge agreement, lesion hits, deletion and insertion.

    Parameters
    ----------
    network
        The float network of the shipped file: its randomised copies are the sanity check.
    images, labels, units
        Of the opened test.
    """
    rows = chosen_rows(len(images), notes, plan.n_cases, seed=run.settings.seed)
    masks = masks_of(rows, notes, images.shape[2:])
    files = [own_fp32, shipped] if own_fp32.artifact != shipped.artifact else [shipped]
    inputs = [reference.digest, reference.point, [[m.artifact, m.point] for m in files],
              digest_array(images[rows]), digest_array(masks), plan]  # fmt: skip
    path = run.journal.place("gaze", inputs) / "maps.npz"

    def make() -> ExplanationReport:
        lookers = [reference, *(_opened(model) for model in files)]
        cases = _Cases(material.preprocess.normalize(images[rows]), labels[rows], [units[i] for i in rows.tolist()])
        maps = {
            looker.name: _mapped(run, looker, cases, plan.n_cells, f"where {looker.name} looks") for looker in lookers
        }
        write_atomic(path, _packed(maps))
        return judge_gaze(
            "occlusion", maps, masks, cases.units,
            faithfulness=_faithful(run, (lookers[0], lookers[-1]), maps, cases, plan.n_faithful),
            sanity=[_sane(run, network, own_fp32.point, cases, plan.n_cells)],
            about=f"the opened test, {len(rows)} cases, {plan.n_cells} x {plan.n_cells} windows",
            seed=run.settings.seed,
        )  # fmt: skip

    report = run.journal.stop("gaze", ExplanationReport, inputs, make)
    with np.load(path, allow_pickle=False) as held:
        maps = {name: held[str(i)].astype(np.float64) for i, name in enumerate(held["names"].tolist())}
    return GazeOutcome(report=report, rows=rows, maps=maps, masks=masks)


@dataclass(frozen=True, slots=True)
class _Cases:
    images: FloatArray
    labels: IntArray
    units: list[str]

    def first(self, n: int) -> "_Cases":
        """Every n-th, so that order chooses nothing."""
        rows = np.unique(np.linspace(0, len(self.images) - 1, min(n, len(self.images))).astype(int))
        return _Cases(self.images[rows], self.labels[rows], [self.units[i] for i in rows])


def chosen_rows(n: int, notes: CaseNotes, n_cases: int, *, seed: int) -> IntArray:
    """Rows of the test that are mapped: those with a lesion mask first, the rest drawn; in order."""
    lesions = notes.lesion_rows[:n_cases]
    others = np.setdiff1d(np.arange(n), lesions)
    drawn = np.random.default_rng(seed).permutation(others)[: n_cases - len(lesions)]
    return np.sort(np.concatenate([lesions, drawn])).astype(np.int64)


def masks_of(rows: IntArray, notes: CaseNotes, shape: tuple[int, ...]) -> BoolArray:
    """Masks of the rows, ``(n, H, W)``; all False where none is known."""
    masks = np.zeros((len(rows), *shape), bool)
    for lesion, mask in zip(notes.lesion_rows, notes.lesion_masks, strict=True):
        masks[rows == lesion] = mask
    return masks


def _opened(model: ModelFile) -> Looker:
    session = open_session(model.artifact, model.folder)
    return Looker(name=model.artifact.name, session=session, point=model.point, digest=model.artifact.digest)


def _mapped(run: Run, looker: Looker, cases: _Cases, n_cells: int, what: str) -> FloatArray:
    method = partial(occlusion_map, n_cells=n_cells)
    return heat_maps(method, looker.session, cases.images, cases.labels, looker.point, tick=_ticker(run, what))


def _ticker(run: Run, what: str) -> Callable[[int, int], None]:
    return lambda done, total: run.watch.tick(done, total, what)


def _faithful(
    run: Run, lookers: Sequence[Looker], maps: dict[str, FloatArray], cases: _Cases, n: int
) -> dict[str, Faithfulness]:
    few, rows = cases.first(n), np.unique(np.linspace(0, len(cases.images) - 1, min(n, len(cases.images))).astype(int))
    return {
        looker.name: faithfulness(
            looker.session, few.images, maps[looker.name][rows], few.labels, looker.point, few.units,
            seed=run.settings.seed, tick=_ticker(run, f"deletion and insertion, {looker.name}"),
        )
        for looker in lookers
    }  # fmt: skip


def _sane(run: Run, network: "nn.Module", point: OperatingPoint, cases: _Cases, n_cells: int) -> SanityCheck:
    from bedside.train.randomizing import randomized_cascade

    few, seed = cases.first(N_SANITY), run.settings.seed

    def maps_of(model: "nn.Module", what: str) -> FloatArray:
        looker = Looker(name=what, session=eager_session(model), point=point, digest=Digest(""))
        return _mapped(run, looker, few, n_cells, what)

    fitted = maps_of(network, "sanity check, fitted weights")
    cascade = [
        (layer, maps_of(model, f"sanity check, random down to {layer}"))
        for layer, model in randomized_cascade(network, n_stages=N_STAGES, seed=seed)
    ]
    return check_sanity("occlusion", fitted, cascade, few.units, seed=seed)


def _packed(maps: dict[str, FloatArray]) -> bytes:
    buffer = BytesIO()
    arrays = {str(i): held.astype(np.float32) for i, held in enumerate(maps.values())}
    np.savez_compressed(buffer, names=np.array(list(maps), np.str_), **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
