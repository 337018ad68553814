"""What only a model that puts each image in one class can be asked."""

from bedside.base.errors import InputError
from bedside.bundle.opening import Bundle


def require_classes(bundle: Bundle, what: str, *, of_volumes: bool = False) -> None:
    """Refuse a bundle that outlines, boxes or marks, and one whose input is no single image.

    Parameters
    ----------
    of_volumes
        Whether volumes are taken too; clips never are.

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
    spec = manifest.preprocess.spec
    if not spec.is_image and not (of_volumes and spec.depth_px is not None):
        made_for = "single images and volumes" if of_volumes else "single images"
        raise InputError(
            f"{what} are made for {made_for}; {manifest.name} takes an input of {spec.shape}",
            expected=f"a bundle of {made_for}", hint="see the figures of its own report",
        )  # fmt: skip
