"""Vaults and keys: just enough for looking them up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.local.http import Answer, Json, Request, Route, absent, page, wire_time
from infra.local.oci.small_services import Identity

_CREATED = wire_time(datetime(2026, 1, 1, tzinfo=UTC))


@dataclass
class Kms:
    """The vaults and keys that exist. `url` gives the management endpoint of every vault."""

    url: Callable[[], str]
    identity: Identity

    def __post_init__(self) -> None:
        self.vaults: dict[str, Json] = {}
        self.keys: dict[str, Json] = {}

    def add_vault(self, vault_id: str, compartment_id: str) -> None:
        """Add an active vault."""
        self.vaults[vault_id] = {
            "id": vault_id,
            "compartmentId": compartment_id,
            "displayName": vault_id.rpartition(".")[2],
            "lifecycleState": "ACTIVE",
            "vaultType": "DEFAULT",
            "timeCreated": _CREATED,
            "isPrimary": True,
            "wrappingkeyId": "none",
        }

    def add_key(self, key_id: str, vault_id: str) -> None:
        """Add an enabled AES key to a vault."""
        self.keys[key_id] = {
            "id": key_id,
            "vaultId": vault_id,
            "compartmentId": self.vaults[vault_id]["compartmentId"],
            "displayName": key_id.rpartition(".")[2],
            "lifecycleState": "ENABLED",
            "keyShape": {"algorithm": "AES", "length": 32},
            "protectionMode": "SOFTWARE",
            "currentKeyVersion": "none",
            "timeCreated": _CREATED,
        }

    def check_place(self, compartment_id: str, vault_id: str | None) -> None:
        """Raise 404 unless the compartment exists, and the vault if one is named."""
        self.identity.check(compartment_id)
        if vault_id is not None and vault_id not in self.vaults:
            raise absent(f"vault {vault_id}")

    def check_key(self, vault_id: str, key_id: str) -> None:
        """Raise 404 unless the key is one of the vault."""
        if self.keys.get(key_id, {}).get("vaultId") != vault_id:
            raise absent(f"key {key_id} in vault {vault_id}")

    def routes(self) -> list[Route]:
        """Return the operations."""
        base = "/20180608"
        return [
            Route("ListVaults", "kms", "GET", f"{base}/vaults", "compartmentId", self._list_vaults),
            Route(
                "GetVault", "kms", "GET", f"{base}/vaults/<vault_id>", "vault_id", self._get_vault
            ),
            Route("ListKeys", "kms", "GET", f"{base}/keys", "compartmentId", self._list_keys),
            Route("GetKey", "kms", "GET", f"{base}/keys/<key_id>", "key_id", self._get_key),
        ]

    def _vault(self, vault_id: str) -> Json:
        endpoint = {"managementEndpoint": self.url(), "cryptoEndpoint": self.url()}
        return self.vaults[vault_id] | endpoint

    def _list_vaults(self, request: Request) -> Answer:
        wanted = request.query.get("compartmentId", "")
        self.identity.check(wanted)
        rows = [self._vault(i) for i, row in self.vaults.items() if row["compartmentId"] == wanted]
        shown, headers = page(rows, request)
        return Answer(200, shown, headers)

    def _get_vault(self, _request: Request, vault_id: str) -> Answer:
        if vault_id not in self.vaults:
            raise absent(f"vault {vault_id}")
        return Answer(200, self._vault(vault_id))

    def _list_keys(self, request: Request) -> Answer:
        wanted = request.query.get("compartmentId", "")
        self.identity.check(wanted)
        rows = [row for row in self.keys.values() if row["compartmentId"] == wanted]
        shown, headers = page(rows, request)
        return Answer(200, shown, headers)

    def _get_key(self, _request: Request, key_id: str) -> Answer:
        if key_id not in self.keys:
            raise absent(f"key {key_id}")
        return Answer(200, self.keys[key_id])
