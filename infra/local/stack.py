"""The whole of it on loopback: the function under its real runtime, and all that it talks to."""

import base64
import hashlib
import json
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from uuid import uuid4

from functions.plan.sync_config import PREFIX as CONFIGS
from functions.ports import Clock
from infra.image.build import Tree
from infra.local.buckets import PREFIX, Bucket, OciBucket, S3Bucket
from infra.local.gateway import Gateway
from infra.local.host import RUNTIME, Host, Reply
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.messages import alarm, object_event
from infra.local.oci.cloud import FUNCTION_ID, QUEUE_ID, REGION, TOPIC_ID, Cloud
from infra.local.oci.secret import Durations
from infra.local.principal import make_principal, public_key

ROOT = Path(__file__).parents[2]
CREDENTIALS_NAME = "oci-vault-sync-credentials"
CONTAINERS = 8
ALARM_INTERVAL_SECONDS = 60.0


class Stack:
    """Everything, on free ports, while the context lasts.

    Configs and status are kept in the simulated Object Storage, or with `use_s3` in moto's S3. Ticks
    come every `tick_seconds`; None leaves them to `tick`. `env` adds to the function's config, `log`
    gets each line that the function logs. The function is this checkout's, or `image`'s alone.
    """

    def __init__(
        self,
        clock: Clock,
        source: Source,
        *,
        log: Callable[[str], None],
        durations: Durations | None = None,
        latency_seconds: float = 0.0,
        use_s3: bool = False,
        tick_seconds: float | None = ALARM_INTERVAL_SECONDS,
        env: Mapping[str, str] | None = None,
        image: Tree | None = None,
    ) -> None:
        self.clock = clock
        self.api_token = secrets.token_urlsafe()
        self.cloud = Cloud(clock, durations=durations, latency_seconds=latency_seconds)
        self.bucket: Bucket = S3Bucket() if use_s3 else OciBucket(self.cloud.objects)
        self.infisical = InfisicalServer(
            source=source,
            clock=clock,
            client_id=str(uuid4()),
            client_secret=secrets.token_urlsafe(),
            webhook_secret=secrets.token_urlsafe(),
            latency_seconds=latency_seconds,
        )
        self._log = log
        self._tick_seconds = tick_seconds
        self._env = dict(env or {})
        self._image = image
        self._ending = threading.Event()
        self._has_ticked = False
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            self._start(parts)
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _start(self, parts: ExitStack) -> None:
        directory = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="stack-")))
        principal = make_principal(directory)
        self.cloud.trust(public_key(directory))
        parts.enter_context(self.cloud)
        parts.enter_context(self.bucket)
        gateway = Gateway(lambda *call: self.host.call(*call))  # noqa: PLW0108  there is no host yet
        self.gateway = parts.enter_context(gateway)
        self.infisical.webhook_url = f"{self.gateway.url}/webhooks/infisical"
        self.source_url = self.infisical.start()
        parts.callback(self.infisical.stop)
        self._background = ThreadPoolExecutor(CONTAINERS, "stack")
        parts.callback(self._background.shutdown, cancel_futures=True)
        self.host = parts.enter_context(
            Host(
                (self._image.function if self._image else ROOT) / "functions" / "func.py",
                {**principal, **self._config(), **self.bucket.env, **self._env},
                clock=self.clock,
                log=self._log,
                containers=CONTAINERS,
                runtime=self._image.runtime if self._image else RUNTIME,
            )
        )
        self.cloud.objects.on_write = self._object_written
        self.cloud.functions.on_invoke = self._invoked
        if self._tick_seconds is not None:
            ticker = threading.Thread(target=self._tick_until_the_end, args=(self._tick_seconds,))
            ticker.start()
            parts.callback(ticker.join)
        parts.callback(self._ending.set)

    def _config(self) -> dict[str, str]:
        credentials = {
            "clientId": self.infisical.client_id,
            "clientSecret": self.infisical.client_secret,
            "webhookSecrets": [self.infisical.webhook_secret],
            "apiTokenHashes": [hashlib.sha256(self.api_token.encode()).hexdigest()],
            "digestKey": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        return {
            "PYTHONPATH": self._image.python_path if self._image else str(ROOT),
            "FN_APP_ID": f"ocid1.fnapp.oc1.{REGION}.local",
            "FN_APP_NAME": "local",
            "FN_FN_ID": FUNCTION_ID,
            "FN_FN_NAME": "oci-vault-sync",
            "SOURCE_URL": self.source_url,
            "QUEUE_OCID": QUEUE_ID,
            "QUEUE_ENDPOINT": self.cloud.url,
            "CREDENTIALS_SECRET_OCID": self.cloud.vault.seed(
                CREDENTIALS_NAME, json.dumps(credentials).encode()
            ),
            "OCI_ENDPOINT": self.cloud.url,
            "NOTIFICATION_TOPIC_OCID": TOPIC_ID,
            "METRICS_NAMESPACE": "vault_sync",
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
