"""How long work tells an onlooker where it is."""

from typing import Protocol


class Watch(Protocol):
    """Something that shows progress."""

    def stop(self, number: int, name: str, detail: str = "") -> None:
        """A stop of the eleven begins."""
        ...

    def tick(self, done: int, total: int, detail: str = "") -> None:
        """Part of the present stop is done."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line; what begins with ``warning:`` should catch the eye."""
        ...


class Silent:
    """A watch that shows nothing."""

    def stop(self, number: int, name: str, detail: str = "") -> None:
        """Show nothing."""

    def tick(self, done: int, total: int, detail: str = "") -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""
