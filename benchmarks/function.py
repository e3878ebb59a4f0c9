"""The function in this process, called as OCI Functions would call it."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.simulators import (
    ENVIRONMENT,
    FOLDER,
    LATENCY_SECONDS,
    PROJECT,
    Seen,
    ShiftedClock,
    Simulators,
    World,
)
from functions.app import App
from functions.calls.clock import SystemClock
from functions.ports import Clock
from functions.reply import Reply
from functions.settings import load_settings
from functions.triggers.call import Call
from functions.triggers.webhook import WEBHOOK_PATH
from infra.local.infisical.webhooks import sign

TIME_LIMIT_SECONDS = 300
NAP_SECONDS = 10.0
"""Between two invocations: webhooks within two seconds share a run."""


@dataclass(frozen=True)
class Run:
    """One invocation: how long it took and what it asked of the outside."""

    seconds: float
    calls: tuple[Seen, ...]

    @property
    def told(self) -> str:
        """Return how often each operation was called, for people."""
        counted = Counter(call.operation for call in self.calls)
        return ", ".join(f"{name} {times}" for name, times in counted.most_common())

    @property
    def chain(self) -> int:
        """Return the most calls that did not overlap: no shorter wait was possible for them."""
        length, end = 0, 0.0
        for call in self.calls:
            if call.at >= end:
                length, end = length + 1, call.at + LATENCY_SECONDS
        return length


class Function:
    """One warm container."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = ShiftedClock()
        with patch.dict(os.environ, world.env):
            self._app = App(load_settings(os.environ), self._clock, os.environ)

    def warm_up(self) -> None:
        """Log in, fetch the credentials, read the config."""
        self._command("plan")
        self._world.do(Simulators.take_calls)

    def webhook(self) -> Run:
        """Tell of a change of the folder."""
        body, header = signed_webhook(self._world, self._clock)
        return self._run(Call(body, "POST", WEBHOOK_PATH, header))

    def sync(self) -> Run:
        """Order a sync."""
        return self._run(Call(json.dumps({"command": "sync", "sync": "bench"}).encode()))

    def call(self, command: Mapping[str, str]) -> Run:
        """Invoke it with any command, whose answer tells nothing of a job."""
        return self._run(Call(json.dumps(command).encode()), lambda _reply: None)

    def nap(self, seconds: float = NAP_SECONDS) -> None:
        """Let time pass at once."""
        self._clock.shift_seconds += seconds
        self._world.do(_shift, self._clock.shift_seconds)

    def _run(self, call: Call, check: Callable[[Reply], None] | None = None) -> Run:
        self._world.do(Simulators.take_calls)
        begin = time.perf_counter()
        reply = self._app.handle(call, TIME_LIMIT_SECONDS)
        seconds = time.perf_counter() - begin
        (check or _check)(reply)
        return Run(seconds, tuple(self._world.do(Simulators.take_calls)))

    def _command(self, name: str) -> None:
        body = json.dumps({"command": name, "sync": "bench"}).encode()
        self._app.handle(Call(body), TIME_LIMIT_SECONDS)


def signed_webhook(world: World, clock: Clock | None = None) -> tuple[bytes, dict[str, str]]:
    """Return body and header of a webhook about the folder."""
    now = (clock or SystemClock()).now()
    timestamp = int(now.timestamp() * 1000)
    project = {"workspaceId": PROJECT, "environment": ENVIRONMENT, "secretPath": FOLDER}
    event = {"event": "secrets.modified", "project": project, "timestamp": timestamp}
    body = json.dumps(event).encode()
    secret = world.credentials["webhookSecrets"][0]
    return body, {"x-infisical-signature": sign(body, secret, timestamp)}


def _check(reply: Reply) -> None:
    jobs = reply.body.get("jobs", [reply.body])
    if [job["outcome"] for job in jobs] != ["succeeded"]:
        raise RuntimeError(f"The run did not succeed: {reply.body}")


def _shift(simulators: Simulators, seconds: float) -> None:
    simulators.clock.shift_seconds = seconds
