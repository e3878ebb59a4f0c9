"""The simulators in a process of their own, so that their work is not counted as the function's."""

import base64
import json
import multiprocessing
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

from functions.calls.clock import SystemClock
from infra.local.buckets import OciBucket
from infra.local.http import Answer, Request
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, QUEUE_ID, VAULT_ID, Cloud
from infra.local.oci.secret import Durations
from infra.local.principal import make_principal, public_key

T = TypeVar("T")

LATENCY_SECONDS = 0.02
ENVIRONMENT = "prod"
FOLDER = "/api"
PROJECT = "project"
CREDENTIALS = {
    "clientId": "client",
    "clientSecret": "client-secret",
    "webhookSecrets": ["webhook-secret"],
    "digestKey": base64.b64encode(bytes(32)).decode(),
}


class ShiftedClock(SystemClock):
    """Real time; `shift_seconds` lets hours pass at once."""

    shift_seconds = 0.0

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return super().now() + timedelta(seconds=self.shift_seconds)


@dataclass(frozen=True)
class Options:
    """What the simulated services are like."""

    durations: Durations = field(default_factory=Durations)
    page_size: int | None = None
    calls_per_second: float | None = None
    """By family of operations."""


@dataclass(frozen=True)
class Seen:
    """A call that a simulator served, and when it began."""

    operation: str
    at: float


@dataclass
class _TimedInfisical(InfisicalServer):
    seen: list[Seen] = field(default_factory=list)

    def _serve(self, request: Request) -> Answer:
        self.seen.append(Seen(f"source {request.method}", self.clock.monotonic()))
        return super()._serve(request)


class Simulators:
    """What lives in the other process."""

    def __init__(self, options: Options, directory: Path) -> None:
        self.clock = ShiftedClock()
        self.cloud = Cloud(
            self.clock,
            durations=options.durations,
            latency_seconds=LATENCY_SECONDS,
            page_size=options.page_size,
            public_key=public_key(directory),
        )
        if options.calls_per_second:
            families = ("list", "read", "write", "queue", "objects")
            self.cloud.rate_limits.update(dict.fromkeys(families, options.calls_per_second))
        self.bucket = OciBucket(self.cloud.objects)
        self.source = Source(PROJECT, (ENVIRONMENT,))
        self.infisical = _TimedInfisical(
            source=self.source, clock=self.clock, latency_seconds=LATENCY_SECONDS
        )
        self._parts = ExitStack()

    def open(self) -> dict[str, str]:
        """Start the servers; return what points the function to them."""
        self._parts.enter_context(self.cloud)
        source_url = self.infisical.start()
        self._parts.callback(self.infisical.stop)
        return {
            **self.bucket.env,
            "SOURCE_URL": source_url,
            "OCI_ENDPOINT": self.cloud.url,
            "QUEUE_OCID": QUEUE_ID,
            "QUEUE_ENDPOINT": self.cloud.url,
        }

    def close(self) -> None:
        """Stop the servers."""
        self._parts.close()

    def set(self, values: Mapping[str, str]) -> None:
        """Write secrets into the folder."""
        for key, value in values.items():
            self.source.set(ENVIRONMENT, FOLDER, key, value)

    def add_sync(self) -> None:
        """Store the config of a sync of the folder."""
        config = {
            "name": "bench",
            "projectId": PROJECT,
            "environment": ENVIRONMENT,
            "secretPath": FOLDER,
            "syncOptions": {
                "initialSyncBehavior": "overwrite-destination",
                "keySchema": "own_{{secretKey}}",
            },
            "destinationConfig": {
                "compartmentOcid": COMPARTMENT_ID,
                "vaultOcid": VAULT_ID,
                "keyOcid": KEY_ID,
            },
        }
        self.bucket.put(f"secret-syncs/{PROJECT}/bench.json", json.dumps(config).encode())

    def take_calls(self) -> list[Seen]:
        """Return the calls since the last time, in the order of their beginning."""
        calls = [Seen(call.operation, call.at_monotonic) for call in self.cloud.calls]
        calls += self.infisical.seen
        self.cloud.reset_calls()
        self.infisical.seen.clear()
        return sorted(calls, key=lambda call: call.at)


class World:
    """The simulators as this process sees them: `env` points to them, `do` works on them."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        directory = Path(self._parts.enter_context(TemporaryDirectory(prefix="bench-")))
        credentials = directory / "credentials.json"
        credentials.write_text(json.dumps(CREDENTIALS))
        principal = make_principal(directory)
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, self._options, directory))
        self._process.start()
        theirs.close()
        self.env = {**principal, "CREDENTIALS_FILE": str(credentials), **self._pipe.recv()}
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()
        self._parts.close()

    def do(self, work: Callable[..., T], *args: Any) -> T:
        """Have a function of a module, or a method of Simulators, work on the simulators there."""
        self._pipe.send((work, args))
        result: T = self._pipe.recv()
        if isinstance(result, Exception):
            raise result
        return result


def _serve(pipe: Connection, options: Options, directory: Path) -> None:
    sys.setswitchinterval(0.001)
    simulators = Simulators(options, directory)
    pipe.send(simulators.open())
    while True:
        try:
            work, args = pipe.recv()
        except EOFError:
            return simulators.close()
        try:
            pipe.send(work(simulators, *args))
        except Exception as error:  # noqa: BLE001 - it is raised again on the other side
            pipe.send(error)
