"""The same calls in a bare loop of the SDK: what no design on top of it could beat."""

import base64
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from queue import SimpleQueue
from typing import Any
from unittest.mock import patch

from oci.auth import signers
from oci.circuit_breaker import NoCircuitBreakerStrategy
from oci.object_storage import ObjectStorageClient
from oci.retry import NoneRetryStrategy
from oci.secrets import SecretsClient
from oci.vault import VaultsClient, models

from benchmarks.simulators import Simulators, World
from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, KEY_ID, NAMESPACE, VAULT_ID

THREADS = 8
LISTED = 1000
SAMPLE = 200
STEPS = 40
FIELDS = "name,etag,timeModified"


@dataclass(frozen=True)
class Took:
    """How long something took, and how much of that this process worked."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Write:
    """One of many changes, eight at a time, each of so many calls one after another."""

    calls: int
    took: Took


NOTHING = Write(0, Took(0, 0))


@dataclass(frozen=True)
class Costs:
    """What single calls cost in the bare SDK, as measured in this very run."""

    step: Took
    """One small call on its own."""
    create: Write
    replace: Write
    """A read, then an update: without the read a value that is there already would become a version."""
    row_seconds: float
    """Working time for one row of a listing."""

    def floor(
        self, steps: int, rows: int, writes: int = 0, write: Write = NOTHING, waits: float = 0.0
    ) -> float:
        """Return the least seconds of calls: those that must follow one another, or all their work.

        `steps` are small calls one after another, `rows` are listed meanwhile, `writes` are made
        eight at a time; `waits` are seconds in which the services only let time pass.
        """
        waves = max(write.calls, ceil(write.calls * writes / THREADS))
        latency = (steps + waves) * self.step.wall_seconds + waits
        work = steps * self.step.cpu_seconds + writes * write.took.cpu_seconds
        return max(latency, work) + rows * self.row_seconds


class Bare:
    """SDK clients without anything around them."""

    def __init__(self, world: World) -> None:
        with patch.dict(os.environ, world.env):
            self._signer = signers.get_resource_principals_signer()
        self._url = world.env["OCI_ENDPOINT"]
        self._vaults: SimpleQueue[Any] = SimpleQueue()
        self._readers: SimpleQueue[Any] = SimpleQueue()
        for _ in range(THREADS):
            self._vaults.put(self._client(VaultsClient))
            self._readers.put(self._client(SecretsClient))
        self._objects = self._client(ObjectStorageClient)

    def creates(self, names: Sequence[str]) -> Took:
        """Create secrets, eight at a time."""

        def create(client: Any, name: str) -> None:
            details = models.CreateSecretDetails(
                compartment_id=COMPARTMENT_ID,
                vault_id=VAULT_ID,
                key_id=KEY_ID,
                secret_name=name,
                secret_content=_content(name),
                freeform_tags={"oci-vault-sync": name, "oci-vault-sync-digest": name * 8},
            )
            client.create_secret(details, opc_retry_token=name)

        return self._each(create, names)

    def replacements(self, ids: Sequence[str]) -> Took:
        """Read and update secrets, eight at a time."""

        def replace(client: Any, secret_id: str) -> None:
            reader = self._readers.get()
            assert reader.get_secret_bundle(secret_id).data.secret_bundle_content.content
            self._readers.put(reader)
            tags = {"oci-vault-sync": secret_id, "oci-vault-sync-digest": secret_id}
            details = models.UpdateSecretDetails(secret_content=_content("new"), freeform_tags=tags)
            client.update_secret(secret_id, details)

        return self._each(replace, ids)

    def updates(self, ids: Sequence[str]) -> Took:
        """Update secrets, eight at a time."""

        def update(client: Any, secret_id: str) -> None:
            tags = {"oci-vault-sync": secret_id, "oci-vault-sync-digest": secret_id}
            content = _content(f"{time.perf_counter()}")
            details = models.UpdateSecretDetails(secret_content=content, freeform_tags=tags)
            client.update_secret(secret_id, details)

        return self._each(update, ids)

    def cancellations(self, ids: Sequence[str]) -> Took:
        """Cancel deletions, eight at a time."""
        return self._each(lambda client, secret_id: client.cancel_secret_deletion(secret_id), ids)

    def object_pages(self, prefixes: Sequence[str]) -> Took:
        """List the objects of each prefix, the prefixes side by side."""

        def pages(prefix: str) -> None:
            start = None
            while True:
                found = self._objects.list_objects(
                    NAMESPACE, BUCKET, prefix=f"{PREFIX}/{prefix}", start=start, fields=FIELDS
                )
                start = found.data.next_start_with
                if start is None:
                    return

        def work() -> None:
            with ThreadPoolExecutor(len(prefixes)) as executor:
                list(executor.map(pages, prefixes))

        return measure(work)

    def list(self) -> Sequence[str]:
        """Return the ids of all secrets."""
        client = self._vaults.get()
        rows: list[str] = []
        page: str | None = None
        while True:
            found = client.list_secrets(COMPARTMENT_ID, vault_id=VAULT_ID, limit=LISTED, page=page)
            rows += [row.id for row in found.data]
            page = found.next_page
            if page is None:
                self._vaults.put(client)
                return rows

    def small_calls(self, number: int) -> None:
        """Read a small object so many times."""
        name = f"{PREFIX}/secret-syncs/project/bench.json"
        for _ in range(number):
            assert self._objects.get_object(NAMESPACE, BUCKET, name).data.content

    def _each(self, call: Callable[[Any, str], None], over: Sequence[str]) -> Took:
        def borrow(one: str) -> None:
            client = self._vaults.get()
            try:
                call(client, one)
            finally:
                self._vaults.put(client)

        def work() -> None:
            with ThreadPoolExecutor(THREADS) as executor:
                list(executor.map(borrow, over))

        return measure(work)

    def _client(self, kind: Any) -> Any:
        return kind(
            {},
            signer=self._signer,
            service_endpoint=self._url,
            retry_strategy=NoneRetryStrategy(),
            circuit_breaker_strategy=NoCircuitBreakerStrategy(),
        )


def measure(work: Callable[[], object]) -> Took:
    """Return how long it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def measure_costs() -> Costs:
    """Measure the bare SDK against the simulators."""
    with World() as world:
        world.do(Simulators.add_sync)
        bare = Bare(world)
        bare.small_calls(1)
        step = measure(lambda: bare.small_calls(STEPS))
        bare.creates([f"WARM_{number}" for number in range(2 * THREADS)])
        create = bare.creates([f"BARE_{number}" for number in range(SAMPLE)])
        ids = bare.list()
        bare.replacements(ids[: 2 * THREADS])
        replace = bare.replacements(ids[-SAMPLE:])
        world.do(_fill, LISTED)
        listing = measure(bare.list)
        rows = len(bare.list())
    return Costs(
        step=_each(step, STEPS),
        create=Write(1, _each(create, SAMPLE)),
        replace=Write(2, _each(replace, SAMPLE)),
        row_seconds=listing.cpu_seconds / rows,
    )


def _fill(simulators: Simulators, rows: int) -> None:
    tags = {"oci-vault-sync": "x" * 36, "oci-vault-sync-digest": "x" * 73}
    for number in range(rows):
        simulators.cloud.vault.seed(f"ROW_{number}", b"value", tags=tags)


def _each(took: Took, times: int) -> Took:
    return Took(took.wall_seconds / times, took.cpu_seconds / times)


def _content(text: str) -> Any:
    return models.Base64SecretContentDetails(content=base64.b64encode(text.encode()).decode())
