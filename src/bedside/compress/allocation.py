"""How many channels each group gives up: local or global, in blocks that vector units like, down to a target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bedside.base.arrays import BoolArray, FloatArray, IntArray
from bedside.base.errors import RecipeError
from bedside.compress.channels import ChannelGroup
from bedside.compress.cost import Cost
from bedside.compress.paper_widths import PaperWidths, all_kept, without

Allocation = Literal["local", "global"]
TIGHT_FRAC = 0.9
"""Blocks are halved where they would overshoot the target further than to this share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A limit on one side of the cost."""

    name: str
    value: float
    measure: Callable[[Cost], float]

    def share(self, cost: Cost) -> float:
        """Share of the limit that a cost takes; at most 1 fits."""
        return self.measure(cost) / self.value


@dataclass(frozen=True, slots=True)
class _Block:
    group: str
    channels: IntArray
    priority: float


def allocate(
    paper: PaperWidths, scores: Mapping[str, FloatArray], ceiling: Ceiling, *, allocation: Allocation,
    channel_multiple: int = 8, min_keep_frac: float = 0.1,
) -> dict[str, BoolArray]:  # fmt: skip
    """Choose the channels that stay: the most important ones whose cost is under the ceiling.

    Channels go in blocks, so that widths stay multiples of `channel_multiple`; the least important block of the network
    (``global``), or the same share of every group (``local``), goes first. What was removed and still fits is taken
    back at the end. Where whole blocks cannot reach the ceiling, or overshoot it by more than a tenth, they are halved.

    Raises
    ------
    RecipeError
        If even the smallest widths are above the ceiling; the layer that would run empty is named.
    """
    found = all_kept(paper.groups)
    if ceiling.share(paper.cost(found)) <= 1:
        return found
    best: dict[str, BoolArray] | None = None
    for unit in _halved(channel_multiple):
        tried = _fill(paper, _blocks(paper.groups, scores, allocation, unit, min_keep_frac), ceiling)
        if tried is not None and (best is None or _share(paper, tried, ceiling) > _share(paper, best, ceiling)):
            best = tried
        if best is not None and _share(paper, best, ceiling) >= TIGHT_FRAC:
            return best
    if best is None:
        raise _impossible(paper, scores, ceiling, min_keep_frac)
    return best


def _share(paper: PaperWidths, keep: dict[str, BoolArray], ceiling: Ceiling) -> float:
    return ceiling.share(paper.cost(keep))


def _halved(unit: int) -> list[int]:
    units = [unit]
    while units[-1] > 1:
        units.append(units[-1] // 2)
    return units


def _blocks(
    groups: Mapping[str, ChannelGroup], scores: Mapping[str, FloatArray], allocation: Allocation, unit: int,
    min_keep_frac: float,
) -> list[_Block]:  # fmt: skip
    """Cut every group into blocks of `unit`, the least important first, less what must stay."""
    blocks = []
    for name, group in groups.items():
        n_stay = max(unit, int(np.ceil(group.n_channels * min_keep_frac / unit)) * unit)
        order = np.argsort(scores[name], kind="stable")
        odd = group.n_channels % unit
        cuts = [(0, odd)] if odd else []
        cuts += [(start, start + unit) for start in range(odd, group.n_channels, unit)]
        floor = -np.inf
        for low, high in (cut for cut in cuts if group.n_channels - cut[1] >= n_stay):
            mean = float(scores[name][order[low:high]].mean())
            floor = max(floor, mean if allocation == "global" else high / group.n_channels)
            blocks.append(_Block(name, order[low:high], floor))
    return sorted(blocks, key=lambda block: block.priority)


def _fill(paper: PaperWidths, blocks: list[_Block], ceiling: Ceiling) -> dict[str, BoolArray] | None:
    """Remove the shortest run of blocks that fits, then take back whatever still fits, the most important first."""
    full = all_kept(paper.groups)

    def keep_after(n: int) -> dict[str, BoolArray]:
        return without(full, [(b.group, b.channels) for b in blocks[:n]])

    low, high = 0, len(blocks)
    if not blocks or _share(paper, keep_after(high), ceiling) > 1:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _share(paper, keep_after(middle), ceiling) <= 1 else (middle, high)
    keep = keep_after(high)
    closed: set[str] = set()
    for block in reversed(blocks[:high]):
        if block.group in closed:
            continue
        keep[block.group][block.channels] = True
        if _share(paper, keep, ceiling) > 1:
            keep[block.group][block.channels] = False
            closed.add(block.group)  # the blocks below it are less important: they stay out
    return keep


def _impossible(
    paper: PaperWidths, scores: Mapping[str, FloatArray], ceiling: Ceiling, min_keep_frac: float
) -> RecipeError:
    blocks = _blocks(paper.groups, scores, "global", 1, min_keep_frac)
    least = without(all_kept(paper.groups), [(b.group, b.channels) for b in blocks])
    nearest = ceiling.measure(paper.cost(least))
    narrow = min(paper.groups.values(), key=lambda group: int(least[group.name].sum()), default=None)
    empty = f"; any less would empty the layer {narrow.name!r}" if narrow else "; no layer of it can be pruned"
    return RecipeError(
        f"the target {ceiling.name} {ceiling.value:.4g} cannot be reached{empty}",
        expected=f"at least {nearest:.4g}, with {min_keep_frac:g} of every group's channels kept",
        hint="raise the target, lower min_keep_frac, or start from a narrower network",
    )
