"""A simulated cloud and the real OCI SDK to call it with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from functions.calls.deadline import Gate
from functions.cloud.clients import Clients
from functions.cloud.identity import Identity, resource_principal
from functions.plan.sync_config import DestinationConfig
from functions.ports import Clock
from functions.vault import open_vault
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID, Cloud
from infra.local.oci.traffic import Fault
from infra.local.principal import make_principal, public_key

DESTINATION = DestinationConfig(
    compartment_ocid=COMPARTMENT_ID, vault_ocid=VAULT_ID, key_ocid=KEY_ID
)


@cache
def function_identity() -> tuple[Identity, Any]:
    """Return a function's own identity and the public key to check its signatures with."""
    with TemporaryDirectory() as directory, patch.dict(os.environ):
        os.environ.update(make_principal(Path(directory)))
        return resource_principal(), public_key(Path(directory))


@contextmanager
def cloud_and_clients(clock: Clock, **options: Any) -> Iterator[tuple[Cloud, Clients]]:
    """Start a cloud that checks signatures; return it and clients that sign."""
    identity, key = function_identity()
    with Cloud(clock, public_key=key, **options) as cloud:
        yield cloud, Clients(identity, clock, lambda: 0.5, cloud.url)


class VaultBench:
    """A cloud, and the adapter under test opened on its vault."""

    def __init__(self, clock, cloud, clients):
        self.clock = clock
        self.cloud = cloud
        self.clients = clients
        self.sim = cloud.vault
        self.gate = Gate(clock, deadline=clock.monotonic() + 300)
        self.vault = open_vault(DESTINATION, clients.open(self.gate))

    def secret(self, name):
        return self.vault.get(self.sim.get(name).id)

    def value(self, name):
        return self.vault.read(self.sim.get(name).id).value.get_secret_value()

    def fail(self, operation, **how):
        self.cloud.faults.append(Fault(operation, **how))
