"""How the tests themselves are shared out among workers."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="these tests run in one process")
def test_the_group_of_a_test_reaches_who_shares_them_out(request: pytest.FixtureRequest) -> None:
    """Else each worker lands and builds every house anew, and nothing says so."""
    assert request.node.nodeid.endswith("@contracts/test_workers.py")
