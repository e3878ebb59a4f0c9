"""Shared by the tests of the OCI simulators."""

import oci
import pytest

from infra.local.oci.cloud import Cloud
from tests.support.local_oci import client, signing
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def clock():
    """Time that stands still unless a test moves it."""
    return VirtualClock()


@pytest.fixture
def cloud(clock):
    """A cloud that trusts the resource principal of the tests."""
    with Cloud(clock, public_key=signing()[1]) as cloud:
        yield cloud


@pytest.fixture
def vaults(cloud):
    """The SDK's client for managing secrets."""
    return client(oci.vault.VaultsClient, cloud)


@pytest.fixture
def secrets(cloud):
    """The SDK's client for reading secrets."""
    return client(oci.secrets.SecretsClient, cloud)
