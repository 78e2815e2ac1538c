"""An embedded AWS for each module, and an environment's stacks on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import runtime
from local.lifecycle.account import Account
from tests.local.conftest import Gateway, gateway, start_gateway  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def deferred_engines() -> Iterator[None]:
    """Walks deploy and destroy; what nothing connects to is not started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFSTACK_ENGINES", "deferred")
        yield


@pytest.fixture
def account(gateway: Gateway) -> Iterator[Account]:  # noqa: F811
    """The embedded AWS as the life-cycle commands see an account."""
    return Account(runtime.environment())
