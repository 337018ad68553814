"""Several modalities of one volume in one file, such as FLAIR, T1 and T2: which there are, and which a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bedside.base.errors import CohortError, ImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Modalities:
    """What lies along the fourth axis of a file ``(X, Y, Z, modality)``, and what of it a model takes.

    Parameters
    ----------
    names
        Of every modality in the file, in the order of the file.
    taken
        Indices into `names`, in the order of the model's channels.
    """

    names: tuple[str, ...]
    taken: tuple[int, ...]

    def __post_init__(self) -> None:
        known = set(range(len(self.names)))
        if len(set(self.names)) != len(self.names) or len(set(self.taken)) != len(self.taken) or not self.taken:
            raise CohortError(
                f"the modalities {', '.join(self.names) or 'none'}, of which {list(self.taken)} are taken",
                expected="distinct names, one or more of them, none twice", hint="correct the list",
            )  # fmt: skip
        if not set(self.taken) <= known:
            raise CohortError(
                f"modality {max(self.taken)} of {len(self.names)}", expected=f"0 to {len(self.names) - 1}",
                hint="correct the list",
            )  # fmt: skip

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the model's channels, in their order."""
        return tuple(self.names[k] for k in self.taken)

    def check(self, n_found: int, path: Path) -> None:
        """Refuse a file of another number of modalities: which is which could not be told.

        Raises
        ------
        ImageError
            Naming the file, what it holds, and what each of its modalities should be.
        """
        if n_found != len(self.names):
            raise ImageError(
                f"{path} holds {n_found} {'modality' if n_found == 1 else 'modalities'}",
                expected=f"{len(self.names)} along the fourth axis, in this order: {', '.join(self.names)}",
                hint="stack them in one NIfTI file (X, Y, Z, modality)",
            )  # fmt: skip


def modalities_named(names: Sequence[str], asked: str | None) -> Modalities:
    """Pick modalities by name, in the order asked; all of them, in the order of the file, where nothing is asked.

    Raises
    ------
    CohortError
        For a name that is not there; those that are there are listed.

    Examples
    --------
    >>> modalities_named(["FLAIR", "T1w", "T2w"], "T2w, flair").taken
    (2, 0)
    """
    if asked is None:
        return Modalities(names=tuple(names), taken=tuple(range(len(names))))
    places = {name.casefold(): k for k, name in enumerate(names)}
    wanted = [word.strip() for word in asked.split(",") if word.strip()]
    if unknown := [word for word in wanted if word.casefold() not in places]:
        raise CohortError(
            f"no modality called {', '.join(unknown)}", expected=f"some of {', '.join(names)}",
            hint=f"such as --option modalities={names[0] if names else '...'}",
        )  # fmt: skip
    return Modalities(names=tuple(names), taken=tuple(places[word.casefold()] for word in wanted))
