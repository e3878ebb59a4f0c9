import pytest

from tests.support.world import running_world


@pytest.fixture(scope="session")
def shared_world():
    """One stack for all tests."""
    with running_world() as world:
        yield world


@pytest.fixture(scope="session")
def shared_s3_world():
    """One stack with its configs in S3 for all tests."""
    with running_world(use_s3=True) as world:
        yield world


@pytest.fixture
def world(shared_world):
    """The function and all that it talks to, with configs in Object Storage."""
    shared_world.reset()
    shared_world.log.clear()
    return shared_world


@pytest.fixture(params=["oci", "s3"])
def any_world(request):
    """The same, with either config store."""
    name = "shared_world" if request.param == "oci" else "shared_s3_world"
    found = request.getfixturevalue(name)
    found.reset()
    found.log.clear()
    return found
