"""Networks of clips that can be run frame by frame: one step takes a frame and a state and gives both back.

What a network says of a clip is the mean of what it says of the frames, so that every frame of a stream has an answer
and the last answer of a stream is the answer of the clip.
"""

import torch
from torch import nn

from bedside.train.architecture import Architecture
from bedside.train.clip_trunks import Trunk, trunk_for

_N_HIDDEN = 64
_SHIFT_DIV = 8
"""One channel in eight is taken from the frame before: Lin et al. (ICCV 2019, section 4) found a quarter, half of it
in each direction; a stream knows no frame to come."""


class ClipNetwork(nn.Module):
    """What every clip network offers.

    `n_state` numbers are carried from frame to frame; a stream begins with zeros.
    """

    trunk: Trunk

    @property
    def n_state(self) -> int:
        """Numbers that are carried; they follow from the weights, so that a pruned network carries fewer."""
        return 0

    def step(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take frames ``(N, C, H, W)`` and states ``(N, S)``; return logits ``(N, K)`` and states ``(N, S)``."""
        raise NotImplementedError

    def answers(self, early: torch.Tensor, n_frames: int) -> torch.Tensor:
        """Logits of every frame ``(N, T, K)`` from the trunk's early maps of all frames, ``(N * T, c, h, w)``."""
        raise NotImplementedError

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Map clips ``(N, T, C, H, W)`` to logits ``(N, K)``."""
        return self.answers(self.trunk.early(clips.flatten(0, 1)), clips.shape[1]).mean(1)


class FrameMean(ClipNetwork):
    """The plain baseline: a network of single frames. Nothing is carried."""

    def __init__(self, trunk: Trunk, n_classes: int, dropout_prob: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout_prob)
        self.linear = nn.Linear(trunk.n_out, n_classes)

    def step(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answer by this frame alone."""
        return self.linear(self.pool(self.trunk(image)).flatten(1)), state

    def answers(self, early: torch.Tensor, n_frames: int) -> torch.Tensor:
        """Return logits of every frame, ``(N, T, K)``."""
        features = self.pool(self.trunk.late(early)).flatten(1)
        return self.linear(self.dropout(features)).unflatten(0, (-1, n_frames))


class GruCell(nn.Module):
    """A gated recurrent unit (Cho et al., EMNLP 2014; torch's form), a linear layer a gate.

    Each gate has a layer and so a quantization scale of its own; the state stays within -1 and 1, which 8 bits hold
    in steps of 1/128.
    """

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.reset_in, self.reset_state = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden)
        self.update_in, self.update_state = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden)
        self.new_in, self.new_state = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden)

    def forward(self, features: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return the next state, ``(N, n_hidden)``, from features ``(N, n_in)`` and the last one."""
        reset = torch.sigmoid(self.reset_in(features) + self.reset_state(state))
        update = torch.sigmoid(self.update_in(features) + self.update_state(state))
        new = torch.tanh(self.new_in(features) + reset * self.new_state(state))
        return new + update * (state - new)


class FrameGru(ClipNetwork):
    """Frame features into a GRU; the state's answer is added to the frame's own."""

    def __init__(self, trunk: Trunk, n_classes: int, n_hidden: int = _N_HIDDEN, dropout_prob: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout_prob)
        self.cell = GruCell(trunk.n_out, n_hidden)
        self.linear = nn.Linear(trunk.n_out, n_classes)
        self.recurrent = nn.Linear(n_hidden, n_classes, bias=False)

    @property
    def n_state(self) -> int:
        """Hidden numbers of the unit."""
        return self.recurrent.in_features

    def step(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answer by this frame and those before it."""
        features = self.pool(self.trunk(image)).flatten(1)
        state = self.cell(features, state)
        return self.linear(features) + self.recurrent(state), state

    def answers(self, early: torch.Tensor, n_frames: int) -> torch.Tensor:
        """Return logits of every frame, ``(N, T, K)``."""
        features = self.dropout(self.pool(self.trunk.late(early)).flatten(1)).unflatten(0, (-1, n_frames))
        state = features.new_zeros(len(features), self.n_state)
        logits = []
        for t in range(n_frames):
            state = self.cell(features[:, t], state)
            logits.append(self.linear(features[:, t]) + self.recurrent(self.dropout(state)))
        return torch.stack(logits, 1)


class FrameShift(ClipNetwork):
    """Temporal shift (Lin et al., ICCV 2019), online form: some channels come from the frame before.

    Shifted are the linked blocks of the late part of the trunk, inside the link, so that what a block passes on
    unchanged stays this frame's; the state is those channels' maps.
    """

    def __init__(self, trunk: Trunk, n_classes: int, side_px: tuple[int, int], dropout_prob: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout_prob)
        self.linear = nn.Linear(trunk.n_out, n_classes)
        self.shapes = _shifted_shapes(trunk, side_px)

    @property
    def n_state(self) -> int:
        """Numbers of all shifted maps; their channels are never pruned."""
        return sum(c * h * w for c, h, w in self.shapes)

    def step(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answer by this frame and what the last one left."""
        features, carried, start = self.trunk.early(image), [], 0
        held = iter(self.shapes)
        for block in self.trunk.blocks[self.trunk.n_early :]:
            if not block.has_link:
                features = block(features)
                continue
            c, h, w = next(held)
            before = state[:, start : start + c * h * w].reshape(-1, c, h, w)
            start += c * h * w
            carried.append(features[:, :c].flatten(1))
            features = features + _body(block)(torch.cat([before, features[:, c:]], 1))
        return self.linear(self.pool(features).flatten(1)), torch.cat(carried, 1)

    def answers(self, early: torch.Tensor, n_frames: int) -> torch.Tensor:
        """Return logits of every frame, ``(N, T, K)``."""
        features, held = early, iter(self.shapes)
        for block in self.trunk.blocks[self.trunk.n_early :]:
            if block.has_link:
                features = features + _body(block)(_shifted(features, next(held)[0], n_frames))
            else:
                features = block(features)
        return self.linear(self.dropout(self.pool(features).flatten(1))).unflatten(0, (-1, n_frames))


def _body(block: nn.Module) -> nn.Module:
    """What a block does inside its link."""
    return block.get_submodule("body")


def _shifted(features: torch.Tensor, n_shifted: int, n_frames: int) -> torch.Tensor:
    """Let the first channels of ``(N * T, C, H, W)`` lag by one frame; before the first frame there are zeros."""
    clips = features[:, :n_shifted].unflatten(0, (-1, n_frames))
    late = torch.cat([torch.zeros_like(clips[:, :1]), clips[:, :-1]], 1).flatten(0, 1)
    return torch.cat([late, features[:, n_shifted:]], 1)


def _shifted_shapes(trunk: Trunk, side_px: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    """Channels, height and width of what each linked late block carries, in their order."""
    stem_conv = next(m for m in trunk.stem.modules() if isinstance(m, nn.Conv2d))
    sizes: list[tuple[int, int, int]] = []
    features = torch.zeros(1, stem_conv.in_channels, *side_px, device=stem_conv.weight.device)
    was_training = trunk.training
    with torch.no_grad():
        features = trunk.eval().early(features)
        for block in trunk.blocks[trunk.n_early :]:
            if block.has_link:
                sizes.append((max(1, features.shape[1] // _SHIFT_DIV), features.shape[2], features.shape[3]))
            features = block(features)
    trunk.train(was_training)
    return tuple(sizes)


def clip_mean(architecture: Architecture) -> nn.Module:
    """A CNN of frames; the mean of its answers."""
    return FrameMean(trunk_for(architecture), architecture.n_classes)


def clip_gru(architecture: Architecture) -> nn.Module:
    """A CNN of frames and a GRU over them: the recurrent hybrid."""
    return FrameGru(trunk_for(architecture), architecture.n_classes)


def clip_shift(architecture: Architecture) -> nn.Module:
    """A CNN whose late blocks look one frame back, each: several blocks reach several frames."""
    side = (architecture.spec.height_px, architecture.spec.width_px)
    return FrameShift(trunk_for(architecture), architecture.n_classes, side)
