"""What a model file has computed just before its last layer, for files that let one look."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from bedside.base.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFeatures:
    """The last feature map of one image, and the linear layer behind its global average.

    Parameters
    ----------
    features
        ``(C, h, w)``, in real numbers: an integer file's are multiplied by their scale.
    weights, bias
        ``(K, C)`` and ``(K,)``, likewise: ``features.mean(axis=(1, 2)) @ weights.T + bias`` are the logits.
    """

    features: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    bias: FloatArray = field(repr=False)


@runtime_checkable
class ShowsFeatures(Protocol):
    """A session that can also show its last features."""

    def last_features(self, image: FloatArray) -> LastFeatures:
        """Return them for one preprocessed ``(C, H, W)`` image.

        Raises
        ------
        InputError
            If the network does not end in a global average and one linear layer.
        """
        ...
