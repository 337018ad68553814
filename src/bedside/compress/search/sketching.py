"""A point of the space on paper: its recipe, what it will cost, and what the predictor looks at."""

from dataclasses import dataclass, replace
from math import sqrt

from bedside.base.task import TensorSpec
from bedside.compress.cost import LayerCost, layer_costs
from bedside.compress.latency_predictor import Features
from bedside.compress.recipe import Recipe, StepCall
from bedside.compress.search.space import Point
from bedside.runtime.devices import DeviceSpec
from bedside.train.architecture import Architecture, build
from bedside.train.elastic_space import ElasticSpace
from bedside.train.plan import TrainPlan

ELASTIC = "elastic"
"""The family whose networks are spelled out by genes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every trial of a search shares.

    Parameters
    ----------
    spec
        Input at the highest resolution; a point with `resolution_px` has a smaller one.
    plan
        Plan of the fit of a trial that ships.
    elastic
        Turns the genes of points of the family ``elastic`` into a network.
    """

    spec: TensorSpec
    n_classes: int
    plan: TrainPlan
    device: DeviceSpec
    elastic: ElasticSpace | None = None

    def recipe(self, point: Point) -> Recipe:
        """The recipe of a point: any row of the table can be remade from it."""
        side_px = int(point.get("resolution_px") or self.spec.height_px)
        architecture = Architecture(
            family=self._family(point), width=_width(point), n_classes=self.n_classes,
            spec=replace(self.spec, height_px=side_px, width_px=side_px),
        )  # fmt: skip
        kept_frac = float(point.get("macs_frac") or 1.0)
        prune = StepCall(step="prune", options={"criterion": "diagnostic", "macs_frac": kept_frac})
        return Recipe(architecture=architecture, plan=self.plan, steps=("distil", *([prune] if kept_frac < 1 else [])))

    def _family(self, point: Point) -> str:
        if point["family"] != ELASTIC or self.elastic is None:
            return str(point["family"])
        return self.elastic.genome_of(point).family

    def features(self, point: Point) -> Features:
        """Count the network of a point, on torch's meta device."""
        import torch

        from bedside.train.reparam import thinned

        recipe = self.recipe(point)
        with torch.device("meta"):
            model = thinned(build(recipe.architecture, seed=0))
        kept_frac = float(point.get("macs_frac") or 1.0)
        spec = recipe.architecture.spec
        return features_of(layer_costs(model, spec), spec, kept_frac=kept_frac) | {
            "is_int8": float(point.get("precision", "int8") == "int8")
        }

    def paper(self, features: Features) -> dict[str, float]:
        """Guess every quantity from the counts, before a file has been measured."""
        precision = "int8" if features["is_int8"] else "fp32"
        latency = self.device.predict_latency_ms(features["mmacs"], int(features["n_layers"]), precision)
        low_w, high_w = self.device.active_power_w
        size = features["int8_kib"] if features["is_int8"] else features["fp32_kib"]
        value_b = 1 if features["is_int8"] else 4
        return {
            "latency_p50_ms": latency,
            "latency_ms": latency,
            "size_kib": size,
            "memory_mib": 2 * size / 1024 + 2 * value_b * features["largest_map"] / 2**20,
            "energy_mj": sqrt(low_w * high_w) * latency,
        }


def _width(point: Point) -> float:
    family = str(point["family"]).partition(":")[0]
    return float(point.get(f"width_{family}") or point.get("width") or 1.0)


def features_of(layers: tuple[LayerCost, ...], spec: TensorSpec, *, kept_frac: float = 1.0) -> Features:
    """Count layers by what a runtime does with them.

    Parameters
    ----------
    kept_frac
        Share of the multiply-accumulates that pruning leaves: weights shrink with it, maps with its square root.
    """
    depthwise = sum(layer.n_macs for layer in layers if layer.groups > 1)
    pointwise = sum(layer.n_macs for layer in layers if layer.groups == 1 and layer.kernel == 1)
    n_macs = sum(layer.n_macs for layer in layers)
    n_weights, n_channels = sum(layer.n_weights for layer in layers), sum(layer.n_out for layer in layers)
    maps = [layer.n_out * layer.n_positions / layer.n_uses for layer in layers]
    overhead_b = 4000 + 600 * len(layers)
    thin = sqrt(kept_frac)
    return {
        "mmacs": kept_frac * n_macs / 1e6,
        "depthwise_mmacs": thin * depthwise / 1e6,
        "pointwise_mmacs": kept_frac * pointwise / 1e6,
        "dense_mmacs": kept_frac * (n_macs - depthwise - pointwise) / 1e6,
        "n_layers": float(sum(layer.n_uses for layer in layers)),
        "map_values_m": thin * sum(maps) / 1e6,
        "largest_map": thin * max(maps, default=0.0),
        "input_values_m": spec.n_channels * spec.height_px * spec.width_px / 1e6,
        "int8_kib": (kept_frac * n_weights + 12 * thin * n_channels + overhead_b) / 1024,
        "fp32_kib": (4 * (kept_frac * n_weights + thin * n_channels) + overhead_b) / 1024,
    }
