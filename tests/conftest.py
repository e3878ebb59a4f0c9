import pytest

from tests.support.clouds import VaultBench, cloud_and_clients
from tests.support.virtual_time import VirtualClock

LONGEST_FIRST = (
    "tests/system/test_interleavings.py",
    "tests/system/test_breakages.py",
    "tests/system/crash/",
    "tests/deploy/",
    "tests/docs/",
    "tests/cli/",
    "tests/api/test_openapi.py",
    "tests/console/",
    "tests/system/",
)


def pytest_collection_modifyitems(items):
    """Put what takes long first: at the end no process waits for another one's long file."""
    items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in LONGEST_FIRST])


@pytest.fixture
def bench():
    """A cloud whose transitions take no time, and a vault in it."""
    clock = VirtualClock()
    with cloud_and_clients(clock) as (cloud, clients):
        yield VaultBench(clock, cloud, clients)
