"""All that the function talks to, on loopback: the secret manager, OCI, the config store."""

import base64
import hashlib
import json
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from functions.ports import Clock
from infra.local.buckets import Bucket, OciBucket, S3Bucket
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.oci.cloud import KEY_ID, QUEUE_ID, TOPIC_ID, VAULT_ID, Cloud
from infra.local.principal import make_principal, public_key

CREDENTIALS_NAME = "oci-vault-sync-credentials"


class Services:
    """The services on free ports while the context lasts; `env` then points a function to them.

    Configs and status are kept in the simulated Object Storage, or with `use_s3` in moto's S3.
    `credentials` adds to the JSON of the function's credentials, which `credentials_place` may put
    into another vault. `cloud` are options of the simulated cloud.
    """

    env: Mapping[str, str]

    def __init__(
        self,
        clock: Clock,
        source: Source,
        *,
        latency_seconds: float = 0.0,
        use_s3: bool = False,
        credentials: Mapping[str, object] | None = None,
        credentials_place: Mapping[str, Any] | None = None,
        infisical: type[InfisicalServer] = InfisicalServer,
        **cloud: Any,
    ) -> None:
        self.clock = clock
        self.api_token = secrets.token_urlsafe()
        self.cloud = Cloud(clock, latency_seconds=latency_seconds, **cloud)
        self.bucket: Bucket = S3Bucket() if use_s3 else OciBucket(self.cloud.objects)
        self.infisical = infisical(
            source=source,
            clock=clock,
            client_id=str(uuid4()),
            client_secret=secrets.token_urlsafe(),
            webhook_secret=secrets.token_urlsafe(),
            latency_seconds=latency_seconds,
        )
        self.credentials = {
            "clientId": self.infisical.client_id,
            "clientSecret": self.infisical.client_secret,
            "webhookSecrets": [self.infisical.webhook_secret],
            "apiTokenHashes": [
                {"sha256": hashlib.sha256(self.api_token.encode()).hexdigest(), "name": "local"}
            ],
            "digestKey": base64.b64encode(secrets.token_bytes(32)).decode(),
            **(credentials or {}),
        }
        self._credentials_place: Mapping[str, Any] = credentials_place or {
            "vaultId": VAULT_ID,
            "keyId": KEY_ID,
        }
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
        self.source_url = self.infisical.start()
        parts.callback(self.infisical.stop)
        body = json.dumps(self.credentials).encode()
        self.env = {
            **principal,
            **self.bucket.env,
            "SOURCE_URL": self.source_url,
            "QUEUE_OCID": QUEUE_ID,
            "QUEUE_ENDPOINT": self.cloud.url,
            "CREDENTIALS_SECRET_OCID": self.cloud.vault.seed(
                CREDENTIALS_NAME, body, **self._credentials_place
            ),
            "OCI_ENDPOINT": self.cloud.url,
            "NOTIFICATION_TOPIC_OCID": TOPIC_ID,
            "METRICS_NAMESPACE": "vault_sync",
        }
