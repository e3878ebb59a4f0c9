"""OCI connections: their identities, what they reach, and where their private keys are kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from oci import pagination
from oci.identity import IdentityClient
from oci.key_management import KmsManagementClient, KmsVaultClient
from oci.object_storage import ObjectStorageClient
from oci.vault import VaultsClient, models
from pydantic import SecretStr

from functions.adapters.credentials import read_secret
from functions.adapters.oci_clients import Clients, access_key, vault_endpoint
from functions.adapters.retrying import Retrying
from functions.adapters.vault_calls import content
from functions.core.config import DestinationConfig
from functions.core.connection import Connection, Method
from functions.core.digest import CONNECTION_OWNER, OWNER_TAG
from functions.core.errors import InvalidInput, Temporary
from functions.core.gate import Gate
from functions.core.ports import Clock, Place

T = TypeVar("T")

SETTLING_SECONDS = 20.0
POLL_SECONDS = 0.25


class Connections:
    """Identities by connection, kept while the container is warm and the connection unchanged."""

    def __init__(
        self,
        own: Clients,
        clock: Clock,
        random: Callable[[], float],
        *,
        endpoint: str | None,
        credentials_secret_ocid: str | None,
    ) -> None:
        self._own = own
        self._clock = clock
        self._random = random
        self._endpoint = endpoint
        self._credentials_secret_ocid = credentials_secret_ocid
        self._held: dict[Connection, Clients] = {}

    def clients(self, connection: Connection, gate: Gate) -> Clients:
        """Return the clients of a connection, its private key read where it is not held yet."""
        if connection not in self._held:
            key = None
            if connection.private_key_secret_ocid:
                what = f"private key {connection.private_key_secret_ocid} of {connection.name}"
                body = read_secret(
                    self._own, connection.private_key_secret_ocid, gate, self._random, what
                )
                key = SecretStr(body.decode(errors="replace"))
            stale = [held for held in self._held if held.id == connection.id]
            for held in stale:
                del self._held[held]
            self._held[connection] = self._make(connection, key)
        return self._held[connection]

    def reach(
        self, connection: Connection, gate: Gate, private_key: SecretStr | None = None
    ) -> "Reached":
        """Return what the connection can do; with `private_key` one that is not stored yet."""
        clients = (
            self._make(connection, private_key) if private_key else self.clients(connection, gate)
        )
        return Reached(clients, connection, Retrying(gate, self._random))

    def safe(self, gate: Gate) -> "Safe":
        """Return the keeper of private keys, who acts as the function itself."""
        retrying = Retrying(gate, self._random)
        return Safe(self._own, self._credentials_secret_ocid, gate, retrying)

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
        return Clients(identity, self._clock, self._endpoint)


class Reached:
    """What one connection can do, as `Reach` describes it."""

    def __init__(self, clients: Clients, connection: Connection, retrying: Retrying) -> None:
        self._clients = clients
        self._connection = connection
        self._retrying = retrying

    def check(self) -> None:
        """Prove by a call that OCI accepts the connection."""
        user = self._connection.user_ocid
        if user:
            self._call(IdentityClient, lambda client: client.get_user(user), f"user {user}")
        else:
            self._call(ObjectStorageClient, lambda client: client.get_namespace(), "namespace")

    def compartments(self) -> Sequence[Place]:
        """Return the tenancy and its active compartments."""
        identity = self._clients.identity
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
        active = [Place(row.id, row.name) for row in rows if row.lifecycle_state == "ACTIVE"]
        return [Place(root, f"{name} (root)"), *active]

    def vaults(self, compartment_ocid: str) -> Sequence[Place]:
        """Return the active vaults of a compartment."""
        rows = self._all(
            KmsVaultClient,
            lambda client: (client.list_vaults, compartment_ocid),
            f"vaults of compartment {compartment_ocid}",
        )
        return [Place(row.id, row.display_name) for row in rows if row.lifecycle_state == "ACTIVE"]

    def keys(self, compartment_ocid: str, vault_ocid: str) -> Sequence[Place]:
        """Return the enabled keys of a vault."""
        vault = self._call(
            KmsVaultClient, lambda client: client.get_vault(vault_ocid), f"vault {vault_ocid}"
        )
        rows = self._all(
            KmsManagementClient,
            lambda client: (client.list_keys, compartment_ocid),
            f"keys of vault {vault_ocid}",
            endpoint=vault.management_endpoint,
        )
        return [Place(row.id, row.display_name) for row in rows if row.lifecycle_state == "ENABLED"]

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
        return self._retrying.call(
            lambda: self._clients.call(kind, use, what=what, endpoint=endpoint)
        ).data


class Safe:
    """Keeps private keys, as `KeySafe` describes it."""

    def __init__(
        self, clients: Clients, beside: str | None, gate: Gate, retrying: Retrying
    ) -> None:
        self._clients = clients
        self._beside = beside
        self._gate = gate
        self._retrying = retrying

    def keep(self, name: str, private_key: SecretStr, where: DestinationConfig | None) -> str:
        """Store a key, beside the function's credentials where nothing else is said; return its id.

        Returns only when the key can be read, so that a run need not wait for it.
        """
        where = where or self._place_of_credentials()
        details = models.CreateSecretDetails(
            compartment_id=where.compartment_ocid,
            vault_id=where.vault_ocid,
            key_id=where.key_ocid,
            secret_name=name,
            description="Private key of an OCI connection of oci-vault-sync",
            secret_content=content(private_key.get_secret_value().encode()),
            freeform_tags={OWNER_TAG: CONNECTION_OWNER},
        )
        secret = self._call(
            lambda client: client.create_secret(details, opc_retry_token=name),
            f"secret {name} in vault {where.vault_ocid}",
            where.vault_ocid,
            quiet=True,
        )
        self._settle(secret)
        return str(secret.id)

    def discard(self, secret_ocid: str, when: datetime) -> None:
        """Schedule the deletion of a key that `keep` stored; any other secret is left alone."""
        secret = self._get(secret_ocid)
        if (secret.freeform_tags or {}).get(OWNER_TAG) != CONNECTION_OWNER:
            return
        details = models.ScheduleSecretDeletionDetails(time_of_deletion=when)
        self._call(
            lambda client: client.schedule_secret_deletion(secret_ocid, details),
            f"secret {secret_ocid}",
            secret_ocid,
        )

    def _settle(self, secret: Any) -> None:
        give_up = self._gate.clock.monotonic() + SETTLING_SECONDS
        while secret.lifecycle_state != models.Secret.LIFECYCLE_STATE_ACTIVE:
            if self._gate.clock.monotonic() > give_up or not self._gate.pause(POLL_SECONDS):
                raise Temporary(
                    f"secret {secret.secret_name}: OCI Vault is still creating it; try again"
                )
            secret = self._get(secret.id)

    def _place_of_credentials(self) -> DestinationConfig:
        if self._beside is None:
            raise InvalidInput(
                "Say in keyStorage where the private key is to be kept: compartmentOcid, vaultOcid "
                "and keyOcid. (This function's own credentials are not in a vault.)"
            )
        secret = self._get(self._beside)
        return DestinationConfig(
            compartment_ocid=secret.compartment_id,
            vault_ocid=secret.vault_id,
            key_ocid=secret.key_id,
        )

    def _get(self, secret_ocid: str) -> Any:
        return self._call(
            lambda client: client.get_secret(secret_ocid), f"secret {secret_ocid}", secret_ocid
        )

    def _call(self, use: Callable[[Any], Any], what: str, near: str, *, quiet: bool = False) -> Any:
        endpoint = vault_endpoint(near, "vaults")
        return self._retrying.call(
            lambda: self._clients.call(VaultsClient, use, what=what, endpoint=endpoint, quiet=quiet)
        ).data
