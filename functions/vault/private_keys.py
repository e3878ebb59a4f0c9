"""Where private keys of OCI connections are kept: in OCI Vault."""

from collections.abc import Callable
from datetime import datetime
from logging import getLogger
from typing import Any

from oci.vault import VaultsClient, models
from pydantic import SecretStr

from functions.calls.wait import Patience
from functions.cloud.clients import OciCalls, vault_endpoint
from functions.cloud.secret_reader import read_secret
from functions.errors import InvalidInput, SyncError, Temporary
from functions.plan.oci_connection import KEY_NAME
from functions.plan.ownership import CONNECTION_OWNER, OWNER_TAG
from functions.plan.sync_config import DestinationConfig
from functions.vault.read import content

log = getLogger(__name__)


class PrivateKeys:
    """Keeps private keys, as `PrivateKeyStore` describes it."""

    def __init__(self, calls: OciCalls, beside: str | None) -> None:
        self._calls = calls
        self._beside = beside

    def keep(self, name: str, private_key: SecretStr, where: DestinationConfig | None) -> str:
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
        try:
            self._settle(secret)
        except SyncError as error:
            log.warning("the private key %s is left in its vault: %s", secret.id, error)
            raise
        return str(secret.id)

    def read(self, secret_ocid: str, what: str) -> bytes:
        """Return a private key, if it is marked as one. Raises InvalidInput, Refused, Temporary.

        Without the mark, whoever writes a connection could sign with any secret that was synced.
        """
        if not _is_private_key(self._get(secret_ocid)):
            raise InvalidInput(
                f"{what}: not used, as the secret does not carry the free-form tag "
                f"{OWNER_TAG}={CONNECTION_OWNER}; add it if this is the key of a connection"
            )
        return read_secret(self._calls, secret_ocid, what)

    def discard(self, secret_ocid: str, when: datetime) -> None:
        secret = self._get(secret_ocid)
        if not (_is_private_key(secret) and secret.secret_name.startswith(KEY_NAME)):
            return
        details = models.ScheduleSecretDeletionDetails(time_of_deletion=when)
        self._call(
            lambda client: client.schedule_secret_deletion(secret_ocid, details),
            f"secret {secret_ocid}",
            secret_ocid,
        )

    def _settle(self, secret: Any) -> None:
        def active() -> Any:
            found = self._get(secret.id)
            return found if found.lifecycle_state == models.Secret.LIFECYCLE_STATE_ACTIVE else None

        if Patience(self._calls.gate).until(active) is None:
            raise Temporary(
                f"secret {secret.secret_name}: OCI Vault is still creating it; try again"
            )

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
        return self._calls.call(VaultsClient, use, what=what, endpoint=endpoint, quiet=quiet).data


def _is_private_key(secret: Any) -> bool:
    return (secret.freeform_tags or {}).get(OWNER_TAG) == CONNECTION_OWNER
