"""Where cohorts come from: ``NAME:REST`` picks a plugin and tells it what to load."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from bedside.base.errors import InputError
from bedside.base.seam import Seam
from bedside.data.cohort import Cohort


class Source(Protocol):
    """Load the cohort that `rest` names; `options` are the source's own."""

    def __call__(self, rest: str, options: Mapping[str, str]) -> Cohort:
        """Return the cohort."""
        ...


SOURCES: Seam[Source] = Seam(
    "bedside.sources",
    {
        "medmnist": "bedside.data.sources.medmnist:load",
        "folder": "bedside.data.sources.folder:load",
        "npz": "bedside.data.sources.npz:load",
        "masks": "bedside.data.sources.masks:load",
        "dicom": "bedside.data.sources.dicom:load",
        "nih-cxr14": "bedside.data.sources.cxr14:load",
        "chexpert": "bedside.data.sources.chexpert:load",
        "boxes": "bedside.data.sources.boxes:load",
        "coco": "bedside.data.sources.coco:load",
        "voc": "bedside.data.sources.voc:load",
        "rsna-pneumonia": "bedside.data.sources.rsna_pneumonia:load",
        "clips": "bedside.data.sources.clips:load",
        "nifti": "bedside.data.sources.nifti:load",
        "msd": "bedside.data.sources.msd:load",
        "phantom": "bedside.data.sources.phantom:load",
    },
)


def load_cohort(source: str, **options: str) -> Cohort:
    """Load a cohort.

    Parameters
    ----------
    source
        ``medmnist:NAME``, ``folder:DIR``, ``npz:FILE``, ``dicom:DIR``, ``masks:DIR``, ``nifti:DIR``, ``msd:DIR``,
        ``clips:DIR``, ``boxes:DIR``, ``coco:DIR``, ``voc:DIR``, ``rsna-pneumonia:DIR``, ``nih-cxr14:DIR``,
        ``chexpert:DIR``, ``phantom:ultrasound`` and other phantoms, or a plugin's.
    **options
        Passed to the source; ``positive="NAME"`` names the class that is looked for. A name that the source does not
        know is refused.

    Examples
    --------
    >>> len(load_cohort("phantom:ultrasound", n="40").cases)
    40
    """
    name, colon, rest = source.partition(":")
    if not colon or not rest:
        raise InputError(
            f"{source!r} does not name a source",
            expected="NAME:WHAT, such as medmnist:pneumoniamnist, folder:DIR or phantom:ultrasound",
            hint=f"did you mean folder:{source}?" if source else "see bedside optimize --help",
        )
    heard = _Heard(options)
    cohort = SOURCES.get(name)(rest, heard)
    if unknown := sorted(options.keys() - heard.names - {"positive"}):
        raise InputError(
            f"{name}: knows no option {', '.join(unknown)}",
            expected=", ".join(sorted(heard.names)) or "no options",
            hint="correct the word, or leave it out; docs/reference/reading.md lists the options of each source",
        )
    return cohort


class _Heard(Mapping[str, str]):
    """Options that remember which names a source asked for: a mistyped one must not be passed over in silence."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.options = options
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.options[name]

    def __iter__(self) -> Iterator[str]:
        self.names.update(self.options)
        return iter(self.options)

    def __len__(self) -> int:
        return len(self.options)
