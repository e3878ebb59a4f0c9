"""OCI connections: their identities, and what they reach."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from oci import pagination
from oci.identity import IdentityClient
from oci.key_management import KmsManagementClient, KmsVaultClient
from oci.object_storage import ObjectStorageClient
from pydantic import SecretStr

from functions.calls.deadline import Gate
from functions.cloud.clients import Clients, OciCalls
from functions.cloud.identity import access_key
from functions.errors import NotFound, Refused
from functions.plan.oci_connection import Connection, Method
from functions.plan.sync_config import DestinationConfig
from functions.ports import OciResource


class ConnectionClients:
    """Identities by connection, kept while the container is warm and the connection unchanged."""

    def __init__(self, own: Clients, read_key: Callable[[str, str, Gate], bytes]) -> None:
        self._own = own
        self._read_key = read_key
        self._held: dict[Connection, Clients] = {}

    def clients(self, connection: Connection, gate: Gate) -> Clients:
        """Return the clients of a connection, its private key read where it is not held yet."""
        if connection not in self._held:
            key = None
            if connection.private_key_secret_ocid:
                what = f"private key {connection.private_key_secret_ocid} of {connection.name}"
                body = self._read_key(connection.private_key_secret_ocid, what, gate)
                key = SecretStr(body.decode(errors="replace"))
            stale = [held for held in self._held if held.id == connection.id]
            for held in stale:
                del self._held[held]
            self._held[connection] = self._make(connection, key)
        return self._held[connection]

    def directory(
        self, connection: Connection, gate: Gate, private_key: SecretStr | None = None
    ) -> "ConnectedDirectory":
        """Return what the connection can do; with `private_key` one that is not stored yet."""
        clients = (
            self._make(connection, private_key) if private_key else self.clients(connection, gate)
        )
        return ConnectedDirectory(clients.open(gate), connection)

    def _make(self, connection: Connection, key: SecretStr | None) -> Clients:
        if connection.method == Method.ACCESS_KEY:
            assert key
            identity = access_key(
                tenancy=connection.tenancy_ocid or "",
                user=connection.user_ocid or "",
                fingerprint=connection.fingerprint or "",
                private_key=key,
                region=connection.region or "",
            )
        elif connection.region:
            own, region = self._own.identity, connection.region
            identity = replace(own, region=region, config={**own.config, "region": region})
        else:
            return self._own
        return Clients(identity, self._own.clock, self._own.random, self._own.endpoint)


class ConnectedDirectory:
    """What one connection can do, as `OciDirectory` describes it."""

    def __init__(self, calls: OciCalls, connection: Connection) -> None:
        self._calls = calls
        self._connection = connection

    def check(self) -> None:
        user = self._connection.user_ocid
        if user:
            self._call(IdentityClient, lambda client: client.get_user(user), f"user {user}")
        else:
            self._call(ObjectStorageClient, lambda client: client.get_namespace(), "namespace")

    def compartments(self) -> Sequence[OciResource]:
        identity = self._calls.clients.identity
        tenancy = self._connection.tenancy_ocid or getattr(identity.signer, "tenancy_id", None)
        root = tenancy or identity.compartment_id
        name = self._call(
            IdentityClient, lambda client: client.get_compartment(root), f"tenancy {root}"
        ).name
        rows = self._all(
            IdentityClient,
            lambda client: (client.list_compartments, root),
            f"compartments of tenancy {root}",
            compartment_id_in_subtree=True,
        )
        active = [OciResource(row.id, row.name) for row in rows if row.lifecycle_state == "ACTIVE"]
        return [OciResource(root, f"{name} (root)"), *active]

    def vaults(self, compartment_ocid: str) -> Sequence[OciResource]:
        rows = self._all(
            KmsVaultClient,
            lambda client: (client.list_vaults, compartment_ocid),
            f"vaults of compartment {compartment_ocid}",
        )
        return [
            OciResource(row.id, row.display_name) for row in rows if row.lifecycle_state == "ACTIVE"
        ]

    def keys(self, compartment_ocid: str, vault_ocid: str) -> Sequence[OciResource]:
        rows = self._keys(self._vault(vault_ocid), compartment_ocid)
        return [
            OciResource(row.id, row.display_name)
            for row in rows
            if row.lifecycle_state == "ENABLED"
        ]

    def faults(self, destination: DestinationConfig) -> Sequence[str]:
        checks = (self._compartment_fault, self._vault_fault, self._key_fault)
        return [fault for check in checks if (fault := check(destination))]

    def _compartment_fault(self, destination: DestinationConfig) -> str | None:
        ocid = destination.compartment_ocid
        return self._state_fault(
            f"The compartment {ocid}",
            "ACTIVE",
            lambda: self._call(
                IdentityClient, lambda client: client.get_compartment(ocid), f"compartment {ocid}"
            ),
        )

    def _vault_fault(self, destination: DestinationConfig) -> str | None:
        ocid = destination.vault_ocid
        return self._state_fault(f"The vault {ocid}", "ACTIVE", lambda: self._vault(ocid))

    def _key_fault(self, destination: DestinationConfig) -> str | None:
        """Look for the key beside its vault and in the compartment of the secrets."""
        ocid = destination.key_ocid

        def find() -> Any:
            vault = self._vault(destination.vault_ocid)
            places = dict.fromkeys((vault.compartment_id, destination.compartment_ocid))
            rows = (row for place in places for row in self._keys(vault, place))
            found = next((row for row in rows if row.id == ocid), None)
            if found is None:
                raise NotFound("not among the keys of the vault that this principal sees")
            return found

        return self._state_fault(f"The key {ocid}", "ENABLED", find)

    def _state_fault(self, what: str, wanted: str, look: Callable[[], Any]) -> str | None:
        try:
            state = look().lifecycle_state
        except Refused as refusal:
            return f"{what} cannot be seen: {refusal}"
        return None if state == wanted else f"{what} is {state}, not {wanted}."

    def _vault(self, ocid: str) -> Any:
        return self._call(KmsVaultClient, lambda client: client.get_vault(ocid), f"vault {ocid}")

    def _keys(self, vault: Any, compartment_ocid: str) -> Sequence[Any]:
        return self._all(
            KmsManagementClient,
            lambda client: (client.list_keys, compartment_ocid),
            f"keys of vault {vault.id}",
            endpoint=vault.management_endpoint,
        )

    def _all(
        self,
        kind: Any,
        listing: Callable[[Any], tuple[Any, str]],
        what: str,
        *,
        endpoint: str | None = None,
        **options: Any,
    ) -> Sequence[Any]:
        def use(client: Any) -> Any:
            method, about = listing(client)
            return pagination.list_call_get_all_results(method, about, **options)

        return list(self._call(kind, use, what, endpoint))

    def _call(
        self, kind: Any, use: Callable[[Any], Any], what: str, endpoint: str | None = None
    ) -> Any:
        return self._calls.call(kind, use, what=what, endpoint=endpoint).data
