"""The simulators in a process of their own, so that their work is not counted as the function's."""

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
from infra.local.http import Answer, Request
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.oci.secret import Durations
from infra.local.services import Services

T = TypeVar("T")

LATENCY_SECONDS = 0.02
ENVIRONMENT = "prod"
FOLDER = "/api"
PROJECT = "project"
PLAIN = {"CREDENTIALS_SECRET_OCID": "", "METRICS_NAMESPACE": "", "NOTIFICATION_TOPIC_OCID": ""}


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


class Simulators(Services):
    """What lives in the other process."""

    clock: ShiftedClock
    infisical: _TimedInfisical

    def __init__(self, options: Options) -> None:
        self.source = Source(PROJECT, (ENVIRONMENT,))
        super().__init__(
            ShiftedClock(),
            self.source,
            latency_seconds=LATENCY_SECONDS,
            infisical=_TimedInfisical,
            durations=options.durations,
            page_size=options.page_size,
        )
        if options.calls_per_second:
            families = ("list", "read", "bundle", "write", "queue", "objects")
            self.cloud.rate_limits.update(dict.fromkeys(families, options.calls_per_second))

    def set(self, values: Mapping[str, str]) -> None:
        """Write secrets into the folder."""
        for key, value in values.items():
            self.source.set(ENVIRONMENT, FOLDER, key, value)

    def add_sync(self, name: str = "bench") -> None:
        """Store the config of a sync of the folder."""
        config = {
            "name": name,
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
        self.bucket.put(f"secret-syncs/{PROJECT}/{name}.json", json.dumps(config).encode())

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
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, self._options))
        self._process.start()
        theirs.close()
        env, self.credentials = self._pipe.recv()
        file = directory / "credentials.json"  # a file is read without a call
        file.write_text(json.dumps(self.credentials))
        self.env = {**env, **PLAIN, "CREDENTIALS_FILE": str(file)}
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


def _serve(pipe: Connection, options: Options) -> None:
    sys.setswitchinterval(0.001)
    with Simulators(options) as simulators:
        pipe.send((simulators.env, simulators.credentials))
        while True:
            try:
                work, args = pipe.recv()
            except EOFError:
                return
            try:
                pipe.send(work(simulators, *args))
            except Exception as error:  # noqa: BLE001 - it is raised again on the other side
                pipe.send(error)
