"""A believable project: what its folders hold, what the vault held before, and what it should hold."""

import json
from datetime import timedelta
from uuid import UUID

from functions.plan.models import State
from infra.local.infisical.source import Source
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.oci.vault_store import Vault

PROJECT_ID = str(UUID(int=0x7D1F7A4E0F5B4D0C9A3E4A1F3F1F9B10))
ENVIRONMENT = "prod"
FOLDER = "/api"
SHARED_FOLDER = "/shared"
SYNC_NAME = "payments-prod"
SYNC_FILE = f"{PROJECT_ID}/{SYNC_NAME}.json"
VAULT_PREFIX = "prod_"
LATE_KEY = "REFUND_API_KEY"

_CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
bm90IGEgcmVhbCBjZXJ0aWZpY2F0ZSwganVzdCB0aHJlZSBsaW5lcyBvZiB0ZXh0
LCBiZWNhdXNlIHZhbHVlcyBoYXZlIGxpbmUgYnJlYWtzIHRvbw==
-----END CERTIFICATE-----
"""
_SHARED = {
    "DATABASE_HOST": "db.internal",
    "DATABASE_PASSWORD": "blue-horse-7",
    "LOG_LEVEL": "info",
    "SENTRY_DSN": "https://key@sentry.internal/7",
    "SMTP_URL": "smtp://mail.internal:587",
}
_API = {
    "CA_CERTIFICATE": _CERTIFICATE,
    "DATABASE_URL": (
        "postgresql://api:${prod.shared.DATABASE_PASSWORD}@${prod.shared.DATABASE_HOST}:5432/api"
    ),
    "FEATURE_FLAGS": "",
    "LOG_LEVEL": "debug",
    "SESSION_SECRET": "green-tree-3",
    "STRIPE_API_KEY": "stripe-key-of-today",
    "STRIPE_WEBHOOK_SECRET": "stripe-webhook-secret",
}
_EXPANDED = {"DATABASE_URL": "postgresql://api:blue-horse-7@db.internal:5432/api"}
_LATE = {LATE_KEY: "refund-key"}

OWN_KEYS = sorted(key for key, value in (_API | _LATE).items() if value and key not in _SHARED)
"""The keys that the folder holds alone: without them their secrets go."""
EXPECTED = {
    f"{VAULT_PREFIX}{key}": value.encode()
    for key, value in (_SHARED | _API | _EXPANDED | _LATE).items()
    if value
}
"""What the vault holds when the sync is done: imports merged, references expanded, no empty value."""


def make_source() -> Source:
    """Return the project: the folder that is synced, and the one that it imports."""
    source = Source(PROJECT_ID, (ENVIRONMENT,))
    source.project_name = "Payments"
    for folder, secrets in ((SHARED_FOLDER, _SHARED), (FOLDER, _API)):
        for key, value in secrets.items():
            source.set(ENVIRONMENT, folder, key, value)
    source.add_import(ENVIRONMENT, FOLDER, ENVIRONMENT, SHARED_FOLDER)
    return source


def change_source(source: Source) -> None:
    """Add a key, as a person would; a webhook tells of it."""
    source.set(ENVIRONMENT, FOLDER, LATE_KEY, _LATE[LATE_KEY])


def fill_vault(vault: Vault) -> None:
    """Leave there what a vault gathers over time: one old, one stale, one pending, one foreign."""
    age = timedelta(days=90)
    vault.seed(f"{VAULT_PREFIX}RETIRED_TOKEN", b"nobody uses this", age=age)
    vault.seed(f"{VAULT_PREFIX}STRIPE_API_KEY", b"stripe-key-of-last-year", age=age)
    vault.seed(
        f"{VAULT_PREFIX}SESSION_SECRET", b"red-house-1", age=age, state=State.PENDING_DELETION
    )
    vault.seed("billing_PASSWORD", b"not ours", age=age)


def sync_config() -> bytes:
    """Return the sync's config object."""
    config = {
        "name": SYNC_NAME,
        "projectId": PROJECT_ID,
        "environment": ENVIRONMENT,
        "secretPath": FOLDER,
        "syncOptions": {
            "initialSyncBehavior": "overwrite-destination",
            "keySchema": "{{environment}}_{{secretKey}}",
        },
        "destinationConfig": {
            "compartmentOcid": COMPARTMENT_ID,
            "vaultOcid": VAULT_ID,
            "keyOcid": KEY_ID,
        },
    }
    return json.dumps(config, indent=2).encode()


def differences(vault: Vault) -> list[str]:
    """Say what in the vault is not as it should be; names only."""
    live = {name: value for name, value in vault.live().items() if name.startswith(VAULT_PREFIX)}
    return [
        *(f"{name} is missing" for name in sorted(EXPECTED.keys() - live.keys())),
        *(f"{name} should not be there" for name in sorted(live.keys() - EXPECTED.keys())),
        *(
            f"{name} has a wrong value"
            for name in sorted(EXPECTED.keys() & live.keys())
            if live[name] != EXPECTED[name]
        ),
    ]
