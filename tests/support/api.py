"""The function's own code, called as the gateway calls it, with a cloud and a source to work on."""

import base64
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from functions.app import App
from functions.calls.clock import SystemClock
from functions.settings import load_settings
from functions.triggers.call import Call
from infra.local.buckets import PREFIX
from infra.local.infisical.source import Source
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, REGION, TENANCY_ID
from infra.local.oci.signature import fingerprint
from infra.local.principal import USER_ID, make_principal, public_key
from infra.local.services import Services
from tests.support.example_sync import destination, sync_config

PROJECT = "project"
TOKEN = "full-token"
READ_TOKEN = "read-token"
CREDENTIALS_VAULT = f"ocid1.vault.oc1.{REGION}.local.credentials"
CREDENTIALS_KEY = f"ocid1.key.oc1.{REGION}.local.credentials"
CREDENTIALS_PLACE = {"vaultId": CREDENTIALS_VAULT, "keyId": CREDENTIALS_KEY}
DESTINATION = destination()
NO_METRICS = {"METRICS_NAMESPACE": ""}
SYNCS = "/api/v1/secret-syncs/oci-vault"
CONNECTIONS = "/api/v1/app-connections/oci"


def sha(text):
    """The hash of a token, as the credentials hold it."""
    return hashlib.sha256(text.encode()).hexdigest()


def body(**changes):
    """The body of a create request."""
    return sync_config("payments", PROJECT, "dev", "/api", DESTINATION) | changes


class Api:
    """The management API of one warm container, and the world around it."""

    def __init__(self, services, make_app):
        self.cloud = services.cloud
        self.clock = services.clock
        self.vault = services.cloud.vault
        self.infisical = services.infisical
        self.source = services.infisical.source
        self.credentials = services.credentials
        self.make_app = make_app
        self.app = make_app()

    def call(self, method, path, /, data=None, **how):
        """Send a request; return status and JSON."""
        reply = self.reply(method, path, data, **how)
        return reply.status, json.loads(json.dumps(reply.body))

    def reply(
        self,
        method,
        path,
        /,
        data=None,
        *,
        token=TOKEN,
        headers=None,
        app=None,
        seconds=300,
        **query,
    ):
        """Send a request; return the whole reply."""
        asked = "&".join(f"{key}={value}" for key, value in query.items())
        content = {"content-type": "application/json"} if data is not None else {}
        access = {"authorization": f"Bearer {token}"} if token else {}
        raw = (
            data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
        )
        call = Call(raw, method, f"{path}?{asked}", {**content, **access, **(headers or {})})
        return (app or self.app).handle(call, seconds)

    def ok(self, method, path, /, data=None, **how):
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
    """Start the services; the function is called in this process."""
    source = Source(PROJECT, ("dev", "prod"))
    source.set("dev", "/api", "TOKEN", "one")
    tokens = [sha(TOKEN), {"sha256": sha(READ_TOKEN), "role": "read"}]
    services = Services(
        SystemClock(),
        source,
        credentials={
            "apiTokenHashes": tokens,
            "digestKey": base64.b64encode(b"k" * 32).decode(),
        },
        credentials_place=CREDENTIALS_PLACE,
    )
    services.cloud.kms.add_vault(CREDENTIALS_VAULT, COMPARTMENT_ID)
    services.cloud.kms.add_key(CREDENTIALS_KEY, CREDENTIALS_VAULT)

    def make_app(**changes):
        with mock.patch.dict(os.environ, services.env):
            return App(load_settings({**services.env, **NO_METRICS, **changes}), services.clock, {})

    with services:
        yield Api(services, make_app)


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
