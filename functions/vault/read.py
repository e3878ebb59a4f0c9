"""What is read of an OCI vault."""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from oci.secrets import SecretsClient
from oci.vault import VaultsClient, models
from pydantic import SecretBytes

from functions.cloud.clients import OciCalls, vault_endpoint
from functions.errors import (
    ContentRefused,
    Forbidden,
    InvalidInput,
    NotFound,
    WrongState,
)
from functions.plan.models import Bundle, State, VaultSecret
from functions.plan.sync_config import DestinationConfig

PAGE_ROWS = 1000
NOT_HANDED_OUT = (Forbidden, NotFound, ContentRefused)
"""What content may be refused with. Which status stands for which cause is documented nowhere."""


class VaultReader:
    """Reads one vault: `VaultsClient` knows its secrets, `SecretsClient` their content."""

    def __init__(self, destination: DestinationConfig, calls: OciCalls) -> None:
        self._to = destination
        self._calls = calls
        self._management = vault_endpoint(destination.vault_ocid, "vaults")
        self._retrieval = vault_endpoint(destination.vault_ocid, "secrets.vaults")
        self._place = (
            f"vault {destination.vault_ocid} in compartment {destination.compartment_ocid}"
        )

    def list(self) -> Sequence[VaultSecret]:
        return self._secrets()

    def find(self, name: str) -> VaultSecret | None:
        try:
            found = self._retrieve(
                f"secret {name} of {self._place}",
                lambda client: client.get_secret_bundle_by_name(name, self._to.vault_ocid),
            )
        except (NotFound, WrongState):
            same = [secret for secret in self._secrets(name) if secret.name == name]
            return min(same, key=lambda secret: secret.state == State.DELETED, default=None)
        return self.get(found.data.secret_id)

    def get(self, secret_id: str) -> VaultSecret:
        return self._look(secret_id)[0]

    def _look(self, secret_id: str) -> tuple[VaultSecret, str | None]:
        """Return a secret as it is now, and the ETag of that revision."""
        response = self._manage(
            "read", f"secret {secret_id}", lambda client: client.get_secret(secret_id)
        )
        return _secret(response.data), response.headers.get("etag")

    def read(self, secret_id: str) -> Bundle:
        try:
            return self._bundle(secret_id)
        except NOT_HANDED_OUT:
            state = self.get(secret_id).state
            if state == State.ACTIVE:
                raise
            raise WrongState(f"secret {secret_id}: no content while it is {state}") from None

    def _bundle(self, secret_id: str, **version: int) -> Bundle:
        """Return content: the current, or that of a `version_number`."""
        response = self._retrieve(
            f"content of secret {secret_id}",
            lambda client: client.get_secret_bundle(secret_id, **version),
            refused=ContentRefused,
        )
        content = base64.b64decode(response.data.secret_bundle_content.content)
        return Bundle(SecretBytes(content), response.data.version_number)

    def _versions(self, secret: VaultSecret) -> Sequence[Any]:
        """Return the versions that are not about to be deleted, newest first."""

        def page(token: str | None) -> Any:
            return self._manage(
                "list",
                f"versions of secret {secret.name}",
                lambda client: client.list_secret_versions(secret.id, page=token),
            )

        rows = [row for row in _rows(page) if row.time_of_deletion is None]
        return sorted(rows, key=lambda row: row.version_number, reverse=True)

    def _secrets(self, name: str | None = None) -> Sequence[VaultSecret]:
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

    def _retrieve(self, what: str, use: Callable[[Any], Any], **kinds: Any) -> Any:
        return self._calls.call(
            SecretsClient, use, what=what, family="bundle", endpoint=self._retrieval, **kinds
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
        defined_tags=row.defined_tags or {},
    )


def _manager(row: Any) -> str | None:
    if row.is_replica:
        return "replication"
    if row.rotation_config or row.rotation_status not in (None, "NOT_ENABLED"):
        return "rotation"
    if row.is_auto_generation_enabled or row.secret_generation_context:
        return "auto-generation"
    return None
