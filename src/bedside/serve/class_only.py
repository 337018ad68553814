"""What only a model that puts each image in one class can be asked."""

from bedside.base.errors import InputError
from bedside.bundle.opening import Bundle


def require_classes(bundle: Bundle, what: str) -> None:
    """Refuse a bundle that outlines, boxes or marks, and one whose input is no single image.

    Raises
    ------
    InputError
        Saying what needs a class a case.
    """
    manifest = bundle.manifest
    if not manifest.task.picks_one:
        raise InputError(
            f"{what} are about the class of a case, and {manifest.name} answers a task of {manifest.task.kind}",
            expected="a bundle that puts each case in one class", hint="see the figures of its own report",
        )  # fmt: skip
    if not manifest.preprocess.spec.is_image:
        raise InputError(
            f"{what} are made for single images; {manifest.name} takes an input of {manifest.preprocess.spec.shape}",
            expected="a bundle of images", hint="see the figures of its own report",
        )  # fmt: skip
