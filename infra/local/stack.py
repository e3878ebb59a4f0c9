"""The whole of it on loopback: the function under its real runtime, and all that it talks to."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from functions.plan.sync_config import PREFIX as CONFIGS
from functions.ports import Clock
from infra.image.build import Tree
from infra.local.buckets import PREFIX
from infra.local.gateway import Gateway
from infra.local.host import RUNTIME, Host, Reply
from infra.local.infisical.source import Source
from infra.local.messages import alarm, object_event
from infra.local.oci.cloud import FUNCTION_ID, REGION
from infra.local.services import Services

ROOT = Path(__file__).parents[2]
CONTAINERS = 8
ALARM_INTERVAL_SECONDS = 60.0


class Stack(Services):
    """The services and the function, while the context lasts.

    Ticks come every `tick_seconds`; None leaves them to `tick`. `env` adds to the function's config,
    `log` gets each line that the function logs. The function is this checkout's, or `image`'s alone.
    """

    def __init__(
        self,
        clock: Clock,
        source: Source,
        *,
        log: Callable[[str], None],
        tick_seconds: float | None = ALARM_INTERVAL_SECONDS,
        env: Mapping[str, str] | None = None,
        image: Tree | None = None,
        **services: Any,
    ) -> None:
        super().__init__(clock, source, **services)
        self._log = log
        self._tick_seconds = tick_seconds
        self._env = dict(env or {})
        self._image = image
        self._ending = threading.Event()
        self._has_ticked = False

    def _start(self, parts: ExitStack) -> None:
        super()._start(parts)
        gateway = Gateway(lambda *call: self.host.call(*call))  # noqa: PLW0108  there is no host yet
        self.gateway = parts.enter_context(gateway)
        self._background = ThreadPoolExecutor(CONTAINERS, "stack")
        parts.callback(self._background.shutdown, cancel_futures=True)
        self.env = {**self.env, **self._platform(), **self._env}
        self.host = parts.enter_context(
            Host(
                (self._image.function if self._image else ROOT) / "functions" / "func.py",
                self.env,
                clock=self.clock,
                log=self._log,
                containers=CONTAINERS,
                runtime=self._image.runtime if self._image else RUNTIME,
            )
        )
        self.infisical.webhooks.url = f"{self.gateway.url}/webhooks/infisical"
        self.cloud.objects.on_write = self._object_written
        self.cloud.functions.on_invoke = self._invoked
        if self._tick_seconds is not None:
            ticker = threading.Thread(target=self._tick_until_the_end, args=(self._tick_seconds,))
            ticker.start()
            parts.callback(ticker.join)
        parts.callback(self._ending.set)

    def _platform(self) -> dict[str, str]:
        return {
            "PYTHONPATH": self._image.python_path if self._image else str(ROOT),
            "FN_APP_ID": f"ocid1.fnapp.oc1.{REGION}.local",
            "FN_APP_NAME": "local",
            "FN_FN_ID": FUNCTION_ID,
            "FN_FN_NAME": "oci-vault-sync",
        }

    def command(self, name: str, **rest: object) -> Reply:
        """Invoke the function directly with a command, as `oci fn function invoke` does."""
        return self.host.call(json.dumps({"command": name, **rest}).encode())

    def tick(self) -> Reply:
        """Deliver the next message of the alarm that serves as a clock."""
        first, self._has_ticked = not self._has_ticked, True
        return self.host.call(alarm(self.clock, first=first))

    def _tick_until_the_end(self, seconds: float) -> None:
        while not self._ending.wait(seconds):
            self._later(self.tick)

    def _object_written(self, _bucket: str, name: str) -> None:
        if name.startswith(f"{PREFIX}/{CONFIGS}"):
            event = object_event(self.clock, name)
            self._later(lambda: self.host.call(event))

    def _invoked(self, _function_id: str, body: bytes, detached: bool) -> bytes:  # noqa: FBT001
        if not detached:
            return self.host.call(body).body
        self._later(lambda: self.host.call(body, detached=True))
        return b""

    def _later(self, work: Callable[[], object]) -> None:
        if not self._ending.is_set():
            self._background.submit(work)
