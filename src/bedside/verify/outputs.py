"""Outputs of a session for many images, in blocks, so that memory stays flat."""

import numpy as np

from bedside.base.arrays import ByteArray, FloatArray
from bedside.data.preprocess import Preprocess
from bedside.runtime.session import Session, logits

_BLOCK = 256


def outputs_of(session: Session, images: ByteArray, preprocess: Preprocess) -> FloatArray:
    """Logits ``(n, K)`` of ``(n, C, H, W)`` uint8 images after `Preprocess.geometry`."""
    blocks = (images[i : i + _BLOCK] for i in range(0, len(images), _BLOCK))
    return np.concatenate([logits(session, preprocess.normalize(block)) for block in blocks])
