"""New images meet a bundle: read, preprocess, run, call."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bedside.base.errors import ImageError
from bedside.bundle.manifest import ShippedModel
from bedside.bundle.opening import Bundle, open_bundle
from bedside.data.clip_sampling import frame_files
from bedside.data.preprocess import Preprocess
from bedside.data.reading import read_picture
from bedside.data.volume_placing import looks
from bedside.runtime.session import INPUT, OUTPUT, Session, open_session
from bedside.runtime.skipping import Skipping
from bedside.serve.abstaining import abstained, rule_of
from bedside.serve.answers import ANSWERS, Block, Waiting
from bedside.serve.prediction import Prediction
from bedside.serve.volume_outlines import refuse_slice, run_volume
from bedside.verify.abstention import USUAL_MAX_ERROR_FRAC, AbstentionRule
from bedside.verify.gate import AcceptanceGate

_BLOCK = 64
"""Images that wait for each other; the softmax and the gate of a block cost little more than those of one image."""
_MEASURED = ("segmentation", "detection")
"""Tasks whose areas want the spacing that the file states."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A bundle with one of its models loaded.

    Examples
    --------
    >>> predictor = Predictor.load("demo-bundle")  # doctest: +SKIP
    >>> predictor.predict(["chest.png"])[0].called  # doctest: +SKIP
    'pneumonia'
    """

    bundle: Bundle
    shipped: ShippedModel
    session: Session = field(repr=False)
    gate: AcceptanceGate | None = field(default=None, repr=False)
    rule: AbstentionRule | None = field(default=None, repr=False)
    max_error_frac: float | None = None
    tick: Callable[[int, int], None] = field(default=lambda done, total: None, repr=False)
    """Called after each tile of a large volume."""
    skipping: Skipping | None = None
    """Which tiles of a large volume are not run; None runs every tile."""

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        format_: str | None = None,
        precision: str | None = None,
        trusted: str | None = None,
        threads: int = 1,
        use_gate: bool = True,
        abstain: bool = False,
        max_error_frac: float = USUAL_MAX_ERROR_FRAC,
    ) -> "Predictor":
        """Open and check a bundle, and load its first model or the one of a format and precision.

        Without `use_gate` every image is judged, however odd; a bundle that has no gate judges every image too. With
        `abstain` an image whose call is less sure than the bound on wrong answers asks is referred.

        Raises
        ------
        InputError
            If `abstain` is asked of a bundle that has no rule for this model, or none for this bound.
        """
        bundle = open_bundle(path, trusted=trusted)
        shipped = bundle.model(format_, precision)
        bound = max_error_frac if abstain else None
        rule = rule_of(bundle, shipped, max_error_frac=bound)
        session = open_session(shipped.artifact, bundle.models_folder, threads=threads, check_digest=False)
        gate = bundle.gate() if use_gate else None
        return cls(bundle, shipped, session, gate, rule, bound, skipping=bundle.skipping())

    def predict(self, files: Sequence[Path | str]) -> list[Prediction]:
        """Predict image files; of a model of clips, clip files or folders of frames.

        Raises
        ------
        ImageError
            For the first file that cannot be read.
        """
        return list(self.stream(files))

    def stream(
        self, files: Iterable[Path | str], unreadable: Callable[[str, ImageError], object] | None = None
    ) -> Iterator[Prediction]:
        """Predict image files one after the other; memory stays flat however many there are.

        Parameters
        ----------
        unreadable
            Told of each file that cannot be read, and why; the others are predicted. None raises at the first one.
        """
        block: list[Waiting] = []
        for file in files:
            try:
                block.append(self._run(file))
            except ImageError as error:
                if unreadable is None:
                    raise
                unreadable(str(file), error)
                continue
            if len(block) == self._block_size:
                yield from self._predictions(block)
                block = []
        if block:
            yield from self._predictions(block)

    @property
    def _block_size(self) -> int:
        """Volumes and their maps are too large to wait for each other."""
        return _BLOCK if self.bundle.manifest.preprocess.depth_px is None else 1

    def _run(self, file: Path | str) -> Waiting:
        preprocess, path = self.bundle.manifest.preprocess, file if isinstance(file, Path) else Path(file)
        if preprocess.n_frames is not None:
            return self._run_clip(path, preprocess)
        if preprocess.depth_px is not None and self.bundle.manifest.task.kind == "segmentation":
            raw, spacing_mm = preprocess.read(path)
            refuse_slice(path, raw)
            outputs = run_volume(self.session, preprocess, raw, spacing_mm, self.tick, self.skipping)
            return Waiting(str(file), raw, preprocess.geometry(raw, spacing_mm), outputs, spacing_mm)
        if self.bundle.manifest.task.kind in _MEASURED:
            picture = read_picture(path, window=preprocess.window)
            raw, spacing_mm = picture.pixels, picture.spacing_mm
        else:
            raw, spacing_mm = preprocess.read(path)
        placed = preprocess.geometry(raw, spacing_mm)
        image = preprocess.normalize(placed)
        return Waiting(str(file), raw, placed, self.session.run({INPUT: image[None]})[OUTPUT], spacing_mm)

    def _run_clip(self, path: Path, preprocess: Preprocess) -> Waiting:
        """Run a clip file, or a folder of frames in the order of their names."""
        placed = preprocess.clip_of(frame_files(path) if path.is_dir() else (path,))
        outputs = self.session.run({INPUT: preprocess.normalize(placed)[None]})[OUTPUT]
        return Waiting(str(path), placed[len(placed) // 2], placed, outputs)

    def _predictions(self, block: Sequence[Waiting]) -> Iterator[Prediction]:
        task = self.bundle.manifest.task
        asked = Block(
            task=task, point=self.shipped.point, items=tuple(block), refers=tuple(self._reasons(block)),
            preprocess=self.bundle.manifest.preprocess,
        )  # fmt: skip
        found = ANSWERS.get(task.kind)(asked)
        if self.rule is not None:
            found = abstained(found, self.rule, self.shipped.point, max_error_frac=self.max_error_frac)
        yield from found

    def _reasons(self, block: Sequence[Waiting]) -> list[str]:
        if self.gate is None:
            return [""] * len(block)
        placed = np.stack([item.placed for item in block])
        if self.bundle.manifest.preprocess.depth_px is None:
            return self.gate.reasons(placed, [item.raw for item in block])
        planes = looks(placed)
        return self.gate.reasons(planes, [picture[0] for picture in planes])
