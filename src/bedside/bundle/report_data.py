"""Everything that the report shows, in one value."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.base.arrays import BoolArray, ByteArray, FloatArray, IntArray
from bedside.base.budget import Budget
from bedside.base.stamp import Stamp
from bedside.base.task import Task, TensorSpec
from bedside.bundle.cohort_numbers import CohortNumbers
from bedside.data.audit import CohortAudit
from bedside.runtime.artifact import Artifact
from bedside.verify.abstention import AbstentionEvidence
from bedside.verify.gaze import ExplanationReport
from bedside.verify.int8_tries import Int8Reports
from bedside.verify.judge import AnyEvidence
from bedside.verify.outliers import GateEvidence
from bedside.verify.parity import ParityReport
from bedside.verify.profiling import Profile
from bedside.verify.robustness import Robustness
from bedside.verify.selection import Choice, Trial
from bedside.verify.shortcuts import ShortcutReport
from bedside.verify.subgroup_evidence import SubgroupEvidence
from bedside.verify.tile_evidence import TileEvidence
from bedside.verify.usefulness import Usefulness
from bedside.verify.volume_robustness import VolumeRobustness


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """One test case as a picture.

    Parameters
    ----------
    image
        ``(C, H, W)`` uint8, after resizing.
    heat
        ``(H, W)`` float, 0 to 1: how much hiding a place lowers the probability of the class that was called; None
        where `overlay` stands in its place.
    probability
        Of the class that is looked for (two classes) or of the class that was called (more); NaN where `note` says how
        good the answer is.
    overlay
        ``(H, W, 3)`` uint8: the same case with the answer (and the truth) drawn on it.
    note
        Such as ``Dice 0.91``.
    """

    image: ByteArray = field(repr=False)
    heat: FloatArray | None = field(repr=False)
    truth: str
    called: str
    probability: float
    kind: Literal["hit", "miss"]
    overlay: ByteArray | None = field(default=None, repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GazePicture:
    """One test case under the maps of two models, both of its true class.

    Parameters
    ----------
    image
        ``(C, H, W)`` uint8, after resizing.
    reference_heat, shipped_heat
        ``(H, W)`` float, 0 to 1.
    lesion
        ``(H, W)`` bool, where somebody drew it.
    """

    image: ByteArray = field(repr=False)
    reference_heat: FloatArray = field(repr=False)
    shipped_heat: FloatArray = field(repr=False)
    lesion: BoolArray | None = field(repr=False)
    truth: str
    rank_correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """What `bedside.bundle.report.render_report` needs.

    Parameters
    ----------
    labels
        ``(n, ...)`` targets of the test cases; where each case is in one class, its number.
    shipped_probabilities, reference_probabilities
        ``(n, K)`` each; empty where the answer is not a class a case.
    dropped_on_paper
        Candidates that were never trained, and why.
    parity_of_format
        One report for each format that ships.
    reference_profile
        The reference as an fp32 file in the same runtime.
    sizes_kib
        Size of every shipped file, by file name.
    native_sizes
        Sizes of the images of the observation part before they were resized, such as ``{"96 x 96": 200}``.
    models
        Every shipped file; the first one is the one that the evidence is about.
    start_weights
        Where the training started from.
    robustness, volume_robustness, gate, shortcuts
        What spoilt and odd images do, and what needs no anatomy; None where they could not be measured.
    abstention, subgroups, usefulness, gaze, gaze_pictures
        Prediction sets and referral, figures by attribute, net benefit, and where the models look; likewise.
    int8
        How each int8 file was reached.
    tiles
        What leaving background tiles of volumes out saves.

    A further section of the report gets an optional field here, None by default: see `bedside.bundle.sections`.
    """

    cohort: CohortNumbers
    task: Task
    audit: CohortAudit
    budget: Budget
    trials: tuple[Trial, ...]
    choice: Choice
    dropped_on_paper: dict[str, str]
    parity_of_format: dict[str, ParityReport]
    reference_name: str
    reference_profile: Profile
    evidence: AnyEvidence
    labels: IntArray = field(repr=False)
    shipped_probabilities: FloatArray = field(repr=False)
    reference_probabilities: FloatArray = field(repr=False)
    gallery: tuple[GalleryItem, ...] = field(repr=False)
    sizes_kib: dict[str, float]
    lineage: tuple[Stamp, ...]
    versions: dict[str, str]
    seed: int
    preset: str
    native_sizes: dict[str, int] = field(default_factory=dict)
    input_spec: TensorSpec | None = None
    models: tuple[Artifact, ...] = ()
    start_weights: str = "unknown"
    robustness: Robustness | None = None
    gate: GateEvidence | None = None
    shortcuts: ShortcutReport | None = None
    int8: Int8Reports | None = None
    tiles: TileEvidence | None = None
    volume_robustness: VolumeRobustness | None = None
    abstention: AbstentionEvidence | None = None
    subgroups: SubgroupEvidence | None = None
    usefulness: Usefulness | None = None
    gaze: ExplanationReport | None = None
    gaze_pictures: tuple[GazePicture, ...] = field(default=(), repr=False)

    @property
    def chosen(self) -> Trial:
        """The trial that ships."""
        return next(trial for trial in self.trials if trial.name == self.choice.name)
