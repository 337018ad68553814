"""Quantization-aware training with distillation: a network learns while its numbers are rounded as in its file."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedside.base.errors import RecipeError
from bedside.base.task import TensorSpec
from bedside.compress.quantization import LayerBits
from bedside.compress.recipe import Recipe, Workbench

if TYPE_CHECKING:
    from torch import nn

LEAST_EPOCHS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Qat:
    """Fine-tune a fitted network under simulated rounding; what comes out is an ordinary float network.

    Batch norms are folded and their statistics frozen, weights and activations are rounded as the quantization plan
    rounds them in the files, and gradients pass straight through (Jacob et al., CVPR 2018, section 3). The targets are
    the soft answers of a teacher: the bench's, or the network's own before it was rounded.

    Parameters
    ----------
    epochs_frac
        Epochs as a share of the recipe's.
    learning_rate_frac
        Highest learning rate as a share of the recipe's.
    distil_weight
        Weight of the soft answers against the labels; with 1 the network learns to answer as before, rounded.
    weight_bits, activation_bits
        Bit widths that are simulated.
    range_decay
        How much of a range is kept when a batch is seen; the rest is the batch's smallest and largest value.
    n_images
        Development images that the first ranges are observed on.
    """

    epochs_frac: float = 0.25
    learning_rate_frac: float = 0.1
    distil_weight: float = 1.0
    weight_bits: int = 8
    activation_bits: int = 8
    range_decay: float = 0.95
    n_images: int = 256

    def __post_init__(self) -> None:
        amounts = {
            "epochs_frac": self.epochs_frac > 0,
            "learning_rate_frac": self.learning_rate_frac > 0,
            "distil_weight": 0 <= self.distil_weight <= 1,
            "weight_bits": self.weight_bits in (4, 8),
            "activation_bits": self.activation_bits in (8, 16),
            "range_decay": 0 <= self.range_decay < 1,
            "n_images": self.n_images >= 1,
        }
        for name, is_right in amounts.items():
            if not is_right:
                raise RecipeError(
                    f"quantization-aware training with {name} {getattr(self, name)}",
                    expected="positive shares, weights of 4 or 8 bits, activations of 8 or 16",
                    hint=f"leave {name} out for its default",
                )

    def __call__(self, model: "nn.Module", recipe: Recipe, bench: Workbench) -> "nn.Module":
        """Return a fine-tuned copy with the layers and paths of `model`, which is never touched."""
        from bedside.compress.criteria import draw_rows
        from bedside.train.fitting import fit, teach

        spec, n_epochs = recipe.architecture.spec, max(LEAST_EPOCHS, round(self.epochs_frac * recipe.plan.n_epochs))
        plan = replace(
            recipe.plan, n_epochs=n_epochs, patience=n_epochs, distil_weight=self.distil_weight, label_smoothing=0.0,
            learning_rate=recipe.plan.learning_rate * self.learning_rate_frac, weight_decay=0.0, head_epochs=0,
            stage_epochs=0, frozen_units=0, rate_decay=1.0,
        )  # fmt: skip
        teacher = bench.teacher_logits
        if teacher is None and self.distil_weight:
            teacher = teach(model, plan, bench.data)
        rows = draw_rows(bench.data.development_targets, self.n_images, seed=plan.seed)
        observed = bench.data.preprocess.normalize(bench.data.development[rows])
        bits = LayerBits(weights=self.weight_bits, activations=self.activation_bits)  # type: ignore[arg-type]
        network = rounding_network(model, spec, observed, bits, self.range_decay)
        fitted, _ = fit(
            network, plan, bench.data, monitor=bench.monitor, teacher_logits=teacher,
            checkpoint=bench.folder / "qat.ckpt" if bench.folder else None, on_epoch=bench.on_epoch,
        )  # fmt: skip
        return unfolded(model, fitted.network, spec)  # type: ignore[arg-type]


def rounding_network(model: "nn.Module", spec: TensorSpec, observed: Any, bits: LayerBits, decay: float) -> "nn.Module":
    """Wrap a folded copy so that it computes with rounded numbers, in training and when it is scored."""
    import torch

    from bedside.compress.folding import folded
    from bedside.compress.simulating import Ranges, Tape, every_layer, observe

    class RoundingNetwork(torch.nn.Module):
        """A folded network under simulated rounding; its ranges follow the batches it is trained on."""

        ends: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = folded(deepcopy(model), spec)
            found = observe(self.network, observed)
            self.layers, self.members = found.layers, found.members
            self.register_buffer("ends", found.ends)

        def train(self, mode: bool = True) -> "RoundingNetwork":
            """Ranges follow in training; layers stay in evaluation mode, their statistics frozen."""
            self.training = mode
            self.network.eval()
            return self

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            ends = self.ends.clone() if self.training else self.ends
            ranges = Ranges(ends=ends, layers=self.layers, members=self.members)
            tape = Tape(self.network, ranges, bits_of=every_layer(bits), decay=decay if self.training else None)
            outputs = tape.run(images)
            if self.training:
                self.ends.copy_(ranges.ends)
            return outputs

    return RoundingNetwork().train()


def unfolded(model: "nn.Module", fitted: "nn.Module", spec: TensorSpec) -> "nn.Module":
    """Put the weights of a folded network back into a copy of `model`, with its layers and paths.

    Each batch norm that was folded becomes one that only adds: factor 1, mean 0, variance ``1 - eps``, and the folded
    bias vector. Folding it again gives the weights that were fitted.
    """
    import torch

    from bedside.compress.wiring import wiring_of

    wiring, network = wiring_of(model, spec), deepcopy(model).eval()
    state = fitted.state_dict()
    for node, path in wiring.layer_of.items():
        reader = wiring.only_reader(node)
        norm_path = wiring.layer_of.get(reader, "") if reader is not None else ""
        if f"{norm_path}.weight" in state or not isinstance(
            norm := network.get_submodule(norm_path), torch.nn.modules.batchnorm._BatchNorm
        ):
            continue
        bias_vector = state.pop(f"{path}.bias")
        own = network.get_submodule(path)
        if own.bias is not None:
            state[f"{path}.bias"] = torch.zeros_like(bias_vector)
        state |= {
            f"{norm_path}.weight": torch.ones_like(bias_vector),
            f"{norm_path}.bias": bias_vector,
            f"{norm_path}.running_mean": torch.zeros_like(bias_vector),
            f"{norm_path}.running_var": torch.full_like(bias_vector, 1 - norm.eps),
            f"{norm_path}.num_batches_tracked": network.state_dict()[f"{norm_path}.num_batches_tracked"],
        }
    network.load_state_dict(state)
    return network
