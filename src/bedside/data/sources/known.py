"""One thing that can be named as a source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """What stands in ``bedside data list``.

    Parameters
    ----------
    name
        As it is typed: ``folder:DIR``, ``phantom:ultrasound``.
    what
        In words.
    state
        Whether its data are here.
    """

    name: str
    what: str
    state: str
