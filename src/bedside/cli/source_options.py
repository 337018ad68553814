"""Options of a source, from the command line: ``KEY=VALUE``."""

from pathlib import Path

from bedside.base.errors import InputError


def source_options(
    pairs: list[str] | None, *, labels: Path | None = None, positive: str | None = None
) -> dict[str, str]:
    """Gather the options that `load_cohort` takes.

    Raises
    ------
    InputError
        For a word that is not KEY=VALUE.
    """
    options: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"the option {pair!r}", expected="KEY=VALUE", hint="such as --option uncertain=zero")
        options[key] = value
    if labels is not None:
        options["labels"] = str(labels)
    if positive is not None:
        options["positive"] = positive
    return options
