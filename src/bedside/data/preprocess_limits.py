"""What a preprocessing may be asked for; nonsense is refused before anything is read."""

from typing import TYPE_CHECKING

from bedside.base.errors import ShapeError

if TYPE_CHECKING:
    from bedside.data.preprocess import Preprocess

AXES = "z,y,x: along D (to the head), H (to the front) and W (to the right)"
"""Order of three spacings, wherever somebody writes them."""


def check_limits(asked: "Preprocess") -> None:
    """Refuse a preprocessing that no image could pass.

    Raises
    ------
    ShapeError
        Naming the setting.
    """
    is_volume = asked.depth_px is not None
    sides = min(asked.height_px, asked.width_px)
    if (not is_volume and asked.n_channels not in (1, 3)) or sides < 1 or not asked.std > 0:
        raise ShapeError(
            f"a model input of {asked.spec.shape} with a standard deviation of {asked.std}",
            expected="1 or 3 channels, a height and width of 1 or more, a standard deviation above 0",
            hint="correct the preprocessing",
        )
    if asked.n_frames is not None and asked.n_frames < 1:
        raise ShapeError(f"{asked.n_frames} frames a clip", expected="1 or more", hint="correct the preprocessing")
    if is_volume:
        _check_volume(asked)
    elif asked.modalities is not None:
        raise ShapeError("modalities of an image", expected="a depth_px", hint="only volumes have several")
    _check_spacing(asked)


def _check_volume(asked: "Preprocess") -> None:
    n_taken = 1 if asked.modalities is None else len(asked.modalities.taken)
    if (asked.depth_px or 0) < 1 or asked.n_channels != n_taken or asked.enhance:
        raise ShapeError(
            f"volumes of depth {asked.depth_px}, {asked.n_channels} channels and {len(asked.enhance)} steps",
            expected="a depth of 1 or more, 1 channel or one for each of the modalities, no steps to enhance",
            hint="correct the preprocessing",
        )


def _check_spacing(asked: "Preprocess") -> None:
    spacing = asked.spacing_mm
    if isinstance(spacing, tuple) and asked.depth_px is None:
        raise ShapeError(
            f"the spacing {spacing} for images", expected="one number: square pixels", hint="three are for volumes"
        )
    sizes = spacing if isinstance(spacing, tuple) else (spacing,)
    if spacing is not None and not all(size is not None and 0 < size < 1e3 for size in sizes):
        raise ShapeError(
            f"a spacing of {spacing} mm", expected="above 0 and below 1000", hint="correct the preprocessing"
        )
