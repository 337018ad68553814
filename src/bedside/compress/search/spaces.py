"""The spaces that a search begins with: elastic networks gene by gene, and whole families at their widths."""

from collections.abc import Sequence

from bedside.base.errors import InputError
from bedside.compress.recipe import Option
from bedside.compress.search.sketching import ELASTIC
from bedside.compress.search.space import Axis, SearchSpace
from bedside.train.elastic_space import ElasticSpace

FAMILY_WIDTHS: dict[str, tuple[float, ...]] = {
    "residual": (0.25, 0.5, 0.75, 1.0, 1.25),
    "depthwise": (0.5, 0.75, 1.0, 1.5, 2.0),
    "fire": (0.5, 0.75, 1.0, 1.25),
    "mobilenetv2": (0.35, 0.5, 0.75, 1.0),
    "mobilenetv4_conv_small": (0.35, 0.5, 1.0),
}
"""Families that can be searched beside the elastic one, with their widths from narrow to wide."""

SHARED_ELASTIC = ElasticSpace(kinds=("inverted", "residual"), expansions=(1, 2, 3, 4), exit_points=(2, 3))
"""Elastic networks that a supernet can hold; one may end after two, three or four stages."""

FREE_ELASTIC = ElasticSpace(
    kinds=("inverted", "residual", "ghost", "fire", "rep"), attentions=("none", "se", "eca", "cbam", "coord"),
    exit_points=(2, 3),
)  # fmt: skip
"""Elastic networks of every kind, to be scored by short fits."""

KEPT_FRACS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the multiply-accumulates that pruning may leave; 1 is no pruning."""

_UNORDERED = ("kind", "attention", "activation")


def space_for(
    families: Sequence[str], resolutions_px: Sequence[int], *, elastic: ElasticSpace | None = None,
    kept_fracs: Sequence[float] = (1.0,), precisions: Sequence[str] = ("int8",),
) -> SearchSpace:  # fmt: skip
    """Build a space.

    Parameters
    ----------
    families
        ``elastic``, or keys of `FAMILY_WIDTHS`.
    resolutions_px
        Sides of the input.
    elastic
        Genes of the elastic networks: kind, kernel, expansion, depth, width and attention of each stage, and the number
        of stages after which a network ends.
    kept_fracs
        What pruning may leave.

    Raises
    ------
    InputError
        If a family cannot be searched.
    """
    known = (ELASTIC, *FAMILY_WIDTHS)
    for family in families:
        if family not in known:
            raise InputError(f"the family {family!r} cannot be searched", expected="one of " + ", ".join(known),
                             hint="leave it out")  # fmt: skip
    axes = [Axis(name="family", choices=tuple(families), ordered=False)]
    axes += [
        Axis(name=f"width_{family}", choices=FAMILY_WIDTHS[family], only={"family": (family,)})
        for family in families
        if family != ELASTIC
    ]
    if ELASTIC in families:
        axes += _genes(elastic or ElasticSpace())
    axes.append(Axis(name="resolution_px", choices=tuple(sorted(resolutions_px))))
    axes.append(Axis(name="macs_frac", choices=tuple(sorted(kept_fracs))))
    axes.append(Axis(name="precision", choices=tuple(precisions), ordered=False))
    return SearchSpace(axes=tuple(axes))


def _genes(elastic: ElasticSpace) -> list[Axis]:
    """The genes as axes; those of a stage exist where the network reaches it."""
    n_stages = elastic.choices["n_stages"]
    axes = []
    for name, choices in elastic.choices.items():
        stage = name.lstrip("abcdefghijklmnopqrstuvwxyz_")
        only: dict[str, tuple[Option, ...]] = {"family": (ELASTIC,)}
        if stage and len(n_stages) > 1:
            only["n_stages"] = tuple(n for n in n_stages if int(n) >= int(stage))
        axes.append(Axis(name=name, choices=choices, ordered=not name.startswith(_UNORDERED), only=only))
    return axes
