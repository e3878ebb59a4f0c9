import pytest

from tests.clouds import VaultBench, cloud_and_clients
from tests.virtual import VirtualClock


@pytest.fixture
def bench():
    """A cloud whose transitions take no time, and a vault in it."""
    clock = VirtualClock()
    with cloud_and_clients(clock) as (cloud, clients):
        yield VaultBench(clock, cloud, clients)
