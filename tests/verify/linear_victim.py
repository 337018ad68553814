"""A linear model whose worst case is known in closed form."""

from dataclasses import dataclass

import numpy as np

from bedside.data.preprocess import Preprocess
from bedside.verify.operating_point import OperatingPoint

PREPROCESS = Preprocess(n_channels=1, height_px=6, width_px=6, mean=127.0, std=128.0)
POINT = OperatingPoint(temperature=1.3, threshold_prob=0.4, positive=1, rule="by the test")


@dataclass(frozen=True)
class Linear:
    """Logits ``(0, w . x + b)`` of normalized images."""

    weights: np.ndarray
    bias: float = 0.0

    def run(self, inputs):
        score = inputs["image"].reshape(len(inputs["image"]), -1) @ self.weights.ravel() + self.bias
        return {"logits": np.stack([np.zeros_like(score), score], axis=1)}

    def worst_margin(self, images: np.ndarray, labels: np.ndarray, eps: int) -> np.ndarray:
        """Least margin within eps grey levels and 0-255: every pixel moves against its weight."""
        sign = np.where(labels == 1, 1, -1)[:, None, None, None]
        low, high = np.clip(images.astype(int) - eps, 0, 255), np.clip(images.astype(int) + eps, 0, 255)
        worst = np.where(sign * self.weights > 0, low, high)
        score = ((worst - 127.0) / 128.0).reshape(len(images), -1) @ self.weights.ravel() + self.bias
        over = score / POINT.temperature - np.log(0.4 / 0.6)
        return np.where(labels == 1, over, -over)


def cases(n: int = 40, seed: int = 0) -> tuple[Linear, np.ndarray, np.ndarray]:
    """A random linear model, images and the labels that it mostly gets right."""
    rng = np.random.default_rng(seed)
    model = Linear(rng.normal(0, 1, (1, 6, 6)).astype(np.float32))
    images = rng.integers(30, 226, (n, 1, 6, 6)).astype(np.uint8)
    outputs = model.run({"image": PREPROCESS.normalize(images)})["logits"]
    labels = POINT.calls(POINT.probabilities(outputs))
    labels[:3] = 1 - labels[:3]
    return model, images, labels.astype(np.int64)
