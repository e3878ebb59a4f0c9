import pytest

from tests.support.clouds import VaultBench, cloud_and_clients
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def bench():
    """A cloud whose transitions take no time, and a vault in it."""
    clock = VirtualClock()
    with cloud_and_clients(clock) as (cloud, clients):
        yield VaultBench(clock, cloud, clients)
