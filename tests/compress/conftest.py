"""What tests of compression share."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fitted_network import Fitted


@pytest.fixture(scope="session")
def fitted() -> "Fitted":
    """A dense network with its data, its recipe and its own answers."""
    pytest.importorskip("torch", reason="compression needs the workshop extra")
    from fitted_network import make_fitted

    return make_fitted()
