"""The error tree: what, where, what was expected, the next thing to do, and an exit code."""

from collections.abc import Mapping


class BedsideError(Exception):
    """Base of every error that bedside raises on purpose.

    Parameters
    ----------
    message
        What was got, and where.
    expected
        What would have been right.
    hint
        The next thing to do.
    """

    exit_code = 1

    def __init__(self, message: str, *, expected: str = "", hint: str = "") -> None:
        self.message = message
        self.expected = expected
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.hint:
            parts.append(f"next: {self.hint}")
        return "\n  ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.expected, self.hint))


def _rebuild(kind: type[BedsideError], message: str, expected: str, hint: str) -> BedsideError:
    return kind(message, expected=expected, hint=hint)


class InputError(BedsideError):
    """What was handed in cannot be used."""

    exit_code = 10


class ImageError(InputError):
    """An image file is unreadable, empty, truncated, too large or of a kind that we do not read."""

    exit_code = 11


class CohortError(InputError):
    """A data source is malformed, or its cases cannot support the task."""

    exit_code = 12


class LeakError(InputError):
    """The same image, patient or group stands in two parts of the split."""

    exit_code = 13


class ShapeError(InputError):
    """An array has the wrong shape."""

    exit_code = 14


class TraceError(InputError):
    """A network cannot be traced or exported; the layer is named."""

    exit_code = 15


class RecipeError(InputError):
    """A recipe names an unknown step or key, or asks for what its network cannot reach."""

    exit_code = 16


class BudgetError(BedsideError):
    """No trial fits the budget."""

    exit_code = 20

    def __init__(
        self, message: str, *, expected: str = "", hint: str = "", refused: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, expected=expected, hint=hint)
        self.refused = dict(refused or {})


class ParityError(BedsideError):
    """An exported model does not compute what the trained one does."""

    exit_code = 21


class SealError(BedsideError):
    """The sealed test part was opened twice or without a reason."""

    exit_code = 22


class BundleError(BedsideError):
    """A bundle is malformed: not a bundle, missing files, hostile paths, a bomb."""

    exit_code = 30


class TamperError(BundleError):
    """A file in a bundle does not have the digest that its manifest states."""

    exit_code = 31


class SignatureError(BundleError):
    """A bundle's signature does not match, or its signer is not the one that was asked for."""

    exit_code = 32


class SchemaVersionError(BundleError):
    """A bundle was written by a newer bedside."""

    exit_code = 33


class GoldenError(BundleError):
    """The runtime on this machine does not reproduce a bundle's golden outputs."""

    exit_code = 34


class PluginError(BedsideError):
    """No plugin has that name."""

    exit_code = 40


class MissingPackageError(BedsideError):
    """An optional package is not installed; the hint is the pip line."""

    exit_code = 41


class RuntimeFailureError(BedsideError):
    """A model file cannot be loaded or run."""

    exit_code = 42


class StorageError(BedsideError):
    """The disk is full, or a folder cannot be written."""

    exit_code = 50


INTERRUPTED_EXIT_CODE = 130


def error_tree(root: type[BedsideError] = BedsideError) -> list[type[BedsideError]]:
    """List every error class below and including `root`, by exit code."""
    found = {root}
    for child in root.__subclasses__():
        found.update(error_tree(child))
    return sorted(found, key=lambda kind: kind.exit_code)
