"""The function's own code, called as the gateway calls it, with a cloud and a source to work on."""

import base64
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from functions.app import App
from functions.calls.clock import SystemClock
from functions.settings import load_settings
from functions.triggers.call import Call
from infra.local.buckets import PREFIX
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Source
from infra.local.oci.cloud import (
    BUCKET,
    COMPARTMENT_ID,
    KEY_ID,
    NAMESPACE,
    QUEUE_ID,
    REGION,
    TENANCY_ID,
    TOPIC_ID,
    VAULT_ID,
    Cloud,
)
from infra.local.oci.signature import fingerprint
from infra.local.principal import USER_ID, make_principal, public_key

PROJECT = "project"
TOKEN = "full-token"
READ_TOKEN = "read-token"
CREDENTIALS_VAULT = f"ocid1.vault.oc1.{REGION}.local.credentials"
CREDENTIALS_KEY = f"ocid1.key.oc1.{REGION}.local.credentials"
DESTINATION = {"compartmentOcid": COMPARTMENT_ID, "vaultOcid": VAULT_ID, "keyOcid": KEY_ID}
SYNCS = "/api/v1/secret-syncs/oci-vault"
CONNECTIONS = "/api/v1/app-connections/oci"


def sha(text):
    """The hash of a token, as the credentials hold it."""
    return hashlib.sha256(text.encode()).hexdigest()


def body(**changes):
    """The body of a create request."""
    return {
        "name": "payments",
        "projectId": PROJECT,
        "environment": "dev",
        "secretPath": "/api",
        "syncOptions": {"initialSyncBehavior": "overwrite-destination"},
        "destinationConfig": DESTINATION,
    } | changes


class Api:
    """The management API of one warm container, and the world around it."""

    def __init__(self, cloud, infisical, make_app):
        self.cloud = cloud
        self.clock = cloud.clock
        self.vault = cloud.vault
        self.infisical = infisical
        self.source = infisical.source
        self.make_app = make_app
        self.app = make_app()

    def call(self, method, path, data=None, *, token=TOKEN, headers=None, app=None, **query):
        """Send a request; return status and JSON."""
        reply = self.reply(method, path, data, token=token, headers=headers, app=app, **query)
        return reply.status, json.loads(json.dumps(reply.body))

    def reply(self, method, path, data=None, *, token=TOKEN, headers=None, app=None, **query):
        """Send a request; return the whole reply."""
        asked = "&".join(f"{key}={value}" for key, value in query.items())
        content = {"content-type": "application/json"} if data is not None else {}
        access = {"authorization": f"Bearer {token}"} if token else {}
        raw = (
            data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
        )
        call = Call(raw, method, f"{path}?{asked}", {**content, **access, **(headers or {})})
        return (app or self.app).handle(call, 300)

    def ok(self, method, path, data=None, **how):
        """Send a request that must succeed; return its JSON."""
        status, answer = self.call(method, path, data, **how)
        assert status == 200, answer
        return answer

    def create(self, **changes):
        """Create a sync; return its row."""
        return self.ok("POST", SYNCS, body(**changes))["secretSync"]

    def row(self, row):
        """Return the row as it is now."""
        return self.ok("GET", f"{SYNCS}/{row['id']}")["secretSync"]

    def live(self):
        """Return the vault's values as text."""
        return {name: value.decode() for name, value in self.vault.live().items()}

    def objects(self, kind):
        """Return the names of the store's objects of a kind."""
        names = self.cloud.objects.names(BUCKET, f"{PREFIX}/{kind}")
        return [name.removeprefix(f"{PREFIX}/") for name in names]

    def store(self, name, content):
        """Write an object by hand."""
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.cloud.objects.put(BUCKET, f"{PREFIX}/{name}", raw)

    def stored(self, name):
        """Return an object's JSON."""
        return json.loads(self.cloud.objects.get(BUCKET, f"{PREFIX}/{name}"))


@contextmanager
def running_api():
    """Start the world."""
    clock = SystemClock()
    source = Source(PROJECT, ("dev", "prod"))
    source.set("dev", "/api", "TOKEN", "one")
    infisical = InfisicalServer(
        source=source,
        clock=clock,
        client_id="client",
        client_secret="client-secret",
        webhook_secret="webhook-secret",
    )
    with TemporaryDirectory() as directory, Cloud(clock) as cloud:
        principal = make_principal(Path(directory))
        cloud.trust(public_key(Path(directory)))
        cloud.kms.add_vault(CREDENTIALS_VAULT, COMPARTMENT_ID)
        cloud.kms.add_key(CREDENTIALS_KEY, CREDENTIALS_VAULT)
        credentials = {
            "clientId": "client",
            "clientSecret": "client-secret",
            "webhookSecrets": ["webhook-secret"],
            "apiTokenHashes": [sha(TOKEN), {"sha256": sha(READ_TOKEN), "role": "read"}],
            "digestKey": base64.b64encode(b"k" * 32).decode(),
        }
        secret = cloud.vault.seed(
            "credentials",
            json.dumps(credentials).encode(),
            vaultId=CREDENTIALS_VAULT,
            keyId=CREDENTIALS_KEY,
        )
        settings = {
            "SOURCE_URL": infisical.start(),
            "CONFIG_STORE": f"oci://{BUCKET}@{NAMESPACE}/{PREFIX}",
            "QUEUE_OCID": QUEUE_ID,
            "QUEUE_ENDPOINT": cloud.url,
            "CREDENTIALS_SECRET_OCID": secret,
            "OCI_ENDPOINT": cloud.url,
            "NOTIFICATION_TOPIC_OCID": TOPIC_ID,
        }

        def make_app(**changes):
            with mock.patch.dict(os.environ, principal):
                return App(load_settings(settings | changes), clock, {})

        infisical.webhooks.url = None
        try:
            yield Api(cloud, infisical, make_app)
        finally:
            infisical.stop()


def access_key(directory):
    """Make an API key; return the credentials of a request, and the public key to trust."""
    make_principal(Path(directory))
    key = public_key(Path(directory))
    return {
        "userOcid": USER_ID,
        "tenancyOcid": TENANCY_ID,
        "region": REGION,
        "fingerprint": fingerprint(key),
        "privateKey": (Path(directory) / "key.pem").read_text(),
    }, key
