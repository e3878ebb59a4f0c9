"""What is written to an OCI vault."""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from oci.vault import models

from functions.calls.wait import Patience
from functions.cloud.clients import OciCalls
from functions.errors import Conflict, InvalidInput, OutOfTime, TooManyVersions, WrongState
from functions.plan.models import VaultSecret
from functions.plan.sync_config import DestinationConfig
from functions.secret_tags import SecretTags, merge
from functions.vault.read import NOT_HANDED_OUT, VaultReader, content

PRUNED_AT_ONCE = 5
TAGS_GO_ALONE = "the vault refuses content and tags in one call"


class Vault(VaultReader):
    """The secrets of one compartment in one vault; what is written gets the `wanted` tags too."""

    def __init__(
        self, destination: DestinationConfig, calls: OciCalls, wanted: SecretTags | None = None
    ) -> None:
        super().__init__(destination, calls)
        self._wanted = wanted or SecretTags()

    def create(self, name: str, value: bytes, tags: Mapping[str, str], token: str) -> str:
        fields = {"secret_content": content(value)}
        try:
            freeform = {**self._wanted.freeform_tags, **tags}
            return self._create(name, token, **fields, freeform_tags=freeform, **self._defined({}))
        except InvalidInput:
            # If it was the tags that were refused, the secret does without: another request, so
            # another token.
            return self._create(name, token[::-1], **fields)

    def update(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> None:
        self._write(secret, tags, secret_content=content(value))

    def tag(self, secret: VaultSecret, tags: Mapping[str, str | None]) -> None:
        self._update(secret, **self._merged(secret, tags))

    def restore(self, secret: VaultSecret) -> None:
        self._manage(
            "write",
            f"secret {secret.name}",
            lambda client: client.cancel_secret_deletion(secret.id),
        )

    def schedule_deletion(
        self, secret: VaultSecret, when: datetime, *, if_unchanged: bool = False
    ) -> None:
        etag = self._etag_of(secret) if if_unchanged else None
        details = models.ScheduleSecretDeletionDetails(time_of_deletion=when)
        try:
            self._manage(
                "write",
                f"secret {secret.name}",
                lambda client: client.schedule_secret_deletion(secret.id, details, if_match=etag),
            )
        except Conflict as error:
            raise WrongState(f"it was changed meanwhile: {error}") from None

    def _etag_of(self, secret: VaultSecret) -> str | None:
        """Return the ETag of a secret whose tags and compartment are as they were. Raises WrongState."""
        found, etag = self._look(secret.id)
        if (found.tags, found.compartment_id) != (secret.tags, secret.compartment_id):
            raise WrongState(
                f"secret {secret.name}: its tags or its compartment have changed since it was listed"
            )
        return etag

    def prune_versions(self, secret: VaultSecret, when: datetime, *, at_least: int = 0) -> int:
        rows = self._versions(secret)
        old = [row for row in rows if "DEPRECATED" in row.stages]
        chosen = old[-PRUNED_AT_ONCE:] if len(rows) >= at_least else []
        for row in chosen:
            self._prune(secret, row.version_number, when)
        return len(chosen)

    def promote(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> bool:
        rows = self._versions(secret)
        for row in sorted(rows, key=lambda row: "CURRENT" not in row.stages):
            number = row.version_number
            if self._holds(secret, number, value):
                if "CURRENT" in row.stages:
                    self._mend_tags(secret, tags)
                else:
                    self._write(secret, tags, current_version_number=number)
                return True
        return False

    def _mend_tags(self, secret: VaultSecret, tags: Mapping[str, str]) -> None:
        with suppress(InvalidInput):  # It takes no such tags: the secret does without.
            self.tag(secret, tags)

    def _holds(self, secret: VaultSecret, number: int, value: bytes) -> bool:
        try:
            found = self._bundle(secret.id, version_number=number).value
        except NOT_HANDED_OUT:
            return False
        return hmac.compare_digest(found.get_secret_value(), value)

    def _write(self, secret: VaultSecret, tags: Mapping[str, str], **fields: Any) -> None:
        merged = self._merged(secret, tags)
        if TAGS_GO_ALONE not in self._calls.clients.learned:
            try:
                self._update(secret, **merged, **fields)
            except InvalidInput:
                pass  # Was it the tags, the two together, or the content? The calls below tell.
            else:
                return
        outdated = [key for key, value in tags.items() if secret.tags.get(key, value) != value]
        if outdated:
            # Between the two calls the secret must not claim to hold what it did before.
            self._update(secret, **self._merged(secret, dict.fromkeys(outdated)))
        self._when_settled(secret, **fields)
        try:
            self._when_settled(secret, **merged)
        except InvalidInput:
            return  # It takes no such tags at all: the secret does without.
        self._calls.clients.learned[TAGS_GO_ALONE] = "yes"

    def _when_settled(self, secret: VaultSecret, **fields: Any) -> None:
        """Change a secret that may just have been written: first it has to settle."""

        def write() -> bool | None:
            with suppress(WrongState):
                self._update(secret, **fields)
                return True
            return None

        with suppress(OutOfTime):
            if Patience(self._calls.gate).until(write):
                return
        raise WrongState(f"secret {secret.name}: not all of it is written yet")

    def _prune(self, secret: VaultSecret, number: int, when: datetime) -> None:
        details = models.ScheduleSecretVersionDeletionDetails(time_of_deletion=when)
        self._manage(
            "write",
            f"version {number} of secret {secret.name}",
            lambda client: client.schedule_secret_version_deletion(secret.id, number, details),
        )

    def _create(self, name: str, token: str, **fields: Any) -> str:
        details = models.CreateSecretDetails(
            compartment_id=self._to.compartment_ocid,
            vault_id=self._to.vault_ocid,
            key_id=self._to.key_ocid,
            secret_name=name,
            **fields,
        )
        response = self._manage(
            "write",
            f"secret {name}, {self._place}, key {self._to.key_ocid}",
            lambda client: client.create_secret(details, opc_retry_token=token),
            quiet=True,
        )
        return str(response.data.id)

    def _update(self, secret: VaultSecret, **fields: Any) -> None:
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

    def _merged(self, secret: VaultSecret, tags: Mapping[str, str | None]) -> dict[str, Any]:
        """Return all tags to send: the service replaces those it has by them."""
        merged = {**secret.tags, **self._wanted.freeform_tags, **tags}
        freeform = {key: value for key, value in merged.items() if value is not None}
        return {"freeform_tags": freeform, **self._defined(secret.defined_tags)}

    def _defined(self, held: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        wanted = self._wanted.defined_tags
        return {"defined_tags": merge(held, wanted)} if wanted else {}
