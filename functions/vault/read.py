"""The calls to an OCI vault, one method each: endpoint, pace, names in errors, wire to model."""

import base64
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from oci.secrets import SecretsClient
from oci.vault import VaultsClient, models
from pydantic import SecretBytes

from functions.cloud.clients import OciCalls, vault_endpoint
from functions.errors import InvalidInput, TooManyVersions
from functions.plan.models import Bundle, State, VaultSecret
from functions.plan.sync_config import DestinationConfig

PAGE_ROWS = 1000


class VaultCalls:
    """Calls to one vault. `VaultsClient` manages secrets, `SecretsClient` reads their content."""

    def __init__(self, destination: DestinationConfig, calls: OciCalls) -> None:
        self._to = destination
        self._calls = calls
        self._management = vault_endpoint(destination.vault_ocid, "vaults")
        self._retrieval = vault_endpoint(destination.vault_ocid, "secrets.vaults")
        self._place = (
            f"vault {destination.vault_ocid} in compartment {destination.compartment_ocid}"
        )

    def secrets(self, name: str | None = None) -> list[VaultSecret]:
        """Return the secrets of the compartment and vault, those called `name` if that is given."""
        rows: int | None = PAGE_ROWS

        def page(token: str | None) -> Any:
            nonlocal rows
            try:
                return self._page_of_secrets(name, token, rows)
            except InvalidInput:
                if rows is None:
                    raise
            # The largest page is documented nowhere; without a limit the service takes its own.
            rows = None
            return self._page_of_secrets(name, token, rows)

        # By id, because a secret that changes meanwhile may be on two pages.
        return list({row.id: _secret(row) for row in _rows(page)}.values())

    def secret(self, secret_id: str) -> VaultSecret:
        """Return one secret."""
        response = self._manage(
            "read", f"secret {secret_id}", lambda client: client.get_secret(secret_id)
        )
        return _secret(response.data)

    def id_by_name(self, name: str) -> str:
        """Return the id of the secret with this name that has content and is not to be deleted."""
        response = self._retrieve(
            f"secret {name} of {self._place}",
            lambda client: client.get_secret_bundle_by_name(name, self._to.vault_ocid),
        )
        return str(response.data.secret_id)

    def bundle(self, secret_id: str, **version: int) -> Bundle:
        """Return content: the current, or that of a `version_number`."""
        response = self._retrieve(
            f"content of secret {secret_id}",
            lambda client: client.get_secret_bundle(secret_id, **version),
        )
        content = base64.b64decode(response.data.secret_bundle_content.content)
        return Bundle(SecretBytes(content), response.data.version_number)

    def versions(self, secret: VaultSecret) -> list[Any]:
        """Return the versions that are not about to be deleted, newest first."""

        def page(token: str | None) -> Any:
            return self._manage(
                "list",
                f"versions of secret {secret.name}",
                lambda client: client.list_secret_versions(secret.id, page=token),
            )

        rows = [row for row in _rows(page) if row.time_of_deletion is None]
        return sorted(rows, key=lambda row: row.version_number, reverse=True)

    def create(self, name: str, token: str, **fields: Any) -> None:
        """Create a secret."""
        details = models.CreateSecretDetails(
            compartment_id=self._to.compartment_ocid,
            vault_id=self._to.vault_ocid,
            key_id=self._to.key_ocid,
            secret_name=name,
            **fields,
        )
        self._manage(
            "write",
            f"secret {name}, {self._place}, key {self._to.key_ocid}",
            lambda client: client.create_secret(details, opc_retry_token=token),
            quiet=True,
        )

    def update(self, secret: VaultSecret, **fields: Any) -> None:
        """Change fields of a secret. Not repeated blindly: each new content is a new version."""
        details = models.UpdateSecretDetails(**fields)
        self._manage(
            "write",
            f"secret {secret.name}",
            lambda client: client.update_secret(secret.id, details),
            is_repeatable=False,
            quiet=True,
            over_limit=TooManyVersions,
        )

    def cancel_deletion(self, secret: VaultSecret) -> None:
        """Cancel the scheduled deletion of a secret."""
        self._manage(
            "write",
            f"secret {secret.name}",
            lambda client: client.cancel_secret_deletion(secret.id),
        )

    def schedule_deletion(self, secret: VaultSecret, when: datetime) -> None:
        """Schedule the deletion of a secret."""
        details = models.ScheduleSecretDeletionDetails(time_of_deletion=when)
        self._manage(
            "write",
            f"secret {secret.name}",
            lambda client: client.schedule_secret_deletion(secret.id, details),
        )

    def schedule_version_deletion(self, secret: VaultSecret, number: int, when: datetime) -> None:
        """Schedule the deletion of one version."""
        details = models.ScheduleSecretVersionDeletionDetails(time_of_deletion=when)
        self._manage(
            "write",
            f"version {number} of secret {secret.name}",
            lambda client: client.schedule_secret_version_deletion(secret.id, number, details),
        )

    def _page_of_secrets(self, name: str | None, token: str | None, rows: int | None) -> Any:
        return self._manage(
            "list",
            self._place,
            lambda client: client.list_secrets(
                self._to.compartment_ocid,
                vault_id=self._to.vault_ocid,
                name=name,
                page=token,
                limit=rows,
            ),
        )

    def _manage(self, family: str, what: str, use: Callable[[Any], Any], **options: Any) -> Any:
        return self._calls.call(
            VaultsClient, use, what=what, family=family, endpoint=self._management, **options
        )

    def _retrieve(self, what: str, use: Callable[[Any], Any]) -> Any:
        return self._calls.call(
            SecretsClient, use, what=what, family="read", endpoint=self._retrieval
        )


def content(value: bytes) -> Any:
    """Return secret content as the service takes it."""
    return models.Base64SecretContentDetails(content=base64.b64encode(value).decode())


def _rows(page: Callable[[str | None], Any]) -> Iterator[Any]:
    token: str | None = None
    while True:
        response = page(token)
        yield from response.data
        token = response.next_page
        if not token:
            return


def _secret(row: Any) -> VaultSecret:
    return VaultSecret(
        id=row.id,
        name=row.secret_name,
        state=State.__members__.get(row.lifecycle_state, State.UNKNOWN),
        tags=row.freeform_tags or {},
        compartment_id=row.compartment_id,
        time_of_deletion=row.time_of_deletion,
        managed_by=_manager(row),
    )


def _manager(row: Any) -> str | None:
    if row.is_replica:
        return "replication"
    if row.rotation_config or row.rotation_status not in (None, "NOT_ENABLED"):
        return "rotation"
    if row.is_auto_generation_enabled or row.secret_generation_context:
        return "auto-generation"
    return None
