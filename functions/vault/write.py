"""Secrets of an OCI vault."""

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from functions.calls.wait import Patience
from functions.cloud.clients import OciCalls
from functions.errors import InvalidInput, NotFound, OutOfTime, WrongState
from functions.plan.models import Bundle, State, VaultSecret
from functions.plan.sync_config import DestinationConfig
from functions.vault.read import VaultCalls, content

PRUNED_AT_ONCE = 5
TAGS_GO_ALONE = "the vault refuses content and tags in one call"


class Vault:
    """The secrets of one compartment in one vault."""

    def __init__(self, destination: DestinationConfig, calls: OciCalls) -> None:
        self._calls = VaultCalls(destination, calls)
        self._gate = calls.gate
        self._learned = calls.clients.learned

    def list(self) -> Sequence[VaultSecret]:
        return self._calls.secrets()

    def find(self, name: str) -> VaultSecret | None:
        try:
            secret_id = self._calls.id_by_name(name)
        except (NotFound, WrongState):
            same = [secret for secret in self._calls.secrets(name) if secret.name == name]
            return min(same, key=lambda secret: secret.state == State.DELETED, default=None)
        return self._calls.secret(secret_id)

    def get(self, secret_id: str) -> VaultSecret:
        return self._calls.secret(secret_id)

    def read(self, secret_id: str) -> Bundle:
        try:
            return self._calls.bundle(secret_id)
        except NotFound:
            state = self._calls.secret(secret_id).state
            if state == State.ACTIVE:
                raise
            raise WrongState(f"secret {secret_id}: no content while it is {state}") from None

    def create(self, name: str, value: bytes, tags: Mapping[str, str], token: str) -> None:
        fields = {"secret_content": content(value)}
        try:
            self._calls.create(name, token, **fields, freeform_tags=dict(tags))
        except InvalidInput:
            # If it was the tags that were refused, the secret does without: another request, so
            # another token.
            self._calls.create(name, token[::-1], **fields)

    def update(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> None:
        self._write(secret, tags, secret_content=content(value))

    def tag(self, secret: VaultSecret, tags: Mapping[str, str | None]) -> None:
        self._calls.update(secret, freeform_tags=_merged(secret, tags))

    def restore(self, secret: VaultSecret) -> None:
        self._calls.cancel_deletion(secret)

    def schedule_deletion(self, secret: VaultSecret, when: datetime) -> None:
        self._calls.schedule_deletion(secret, when)

    def prune_versions(self, secret: VaultSecret, when: datetime) -> int:
        old = [row for row in self._calls.versions(secret) if "DEPRECATED" in row.stages]
        chosen = old[-PRUNED_AT_ONCE:]
        for row in chosen:
            self._calls.schedule_version_deletion(secret, row.version_number, when)
        return len(chosen)

    def promote(self, secret: VaultSecret, value: bytes, tags: Mapping[str, str]) -> bool:
        for row in self._calls.versions(secret):
            number = row.version_number
            if "CURRENT" not in row.stages and self._holds(secret, number, value):
                self._write(secret, tags, current_version_number=number)
                return True
        return False

    def _holds(self, secret: VaultSecret, number: int, value: bytes) -> bool:
        try:
            found = self._calls.bundle(secret.id, version_number=number).value
        except NotFound:
            return False
        return hmac.compare_digest(found.get_secret_value(), value)

    def _write(self, secret: VaultSecret, tags: Mapping[str, str], **fields: Any) -> None:
        merged = _merged(secret, tags)
        if TAGS_GO_ALONE not in self._learned:
            try:
                self._calls.update(secret, freeform_tags=merged, **fields)
            except InvalidInput:
                pass  # Was it the tags, the two together, or the content? The calls below tell.
            else:
                return
        outdated = [key for key, value in tags.items() if secret.tags.get(key, value) != value]
        if outdated:
            # Between the two calls the secret must not claim to hold what it did before.
            self._calls.update(secret, freeform_tags=_merged(secret, dict.fromkeys(outdated)))
        self._when_settled(secret, **fields)
        try:
            self._when_settled(secret, freeform_tags=merged)
        except InvalidInput:
            return  # It takes no such tags at all: the secret does without.
        self._learned[TAGS_GO_ALONE] = "yes"

    def _when_settled(self, secret: VaultSecret, **fields: Any) -> None:
        """Change a secret that may just have been written: first it has to settle."""

        def write() -> bool | None:
            with suppress(WrongState):
                self._calls.update(secret, **fields)
                return True
            return None

        with suppress(OutOfTime):
            if Patience(self._gate).until(write):
                return
        raise WrongState(f"secret {secret.name}: not all of it is written yet")


def _merged(secret: VaultSecret, tags: Mapping[str, str | None]) -> dict[str, str]:
    """Return all tags to send: the service replaces those it has by them."""
    merged = {**secret.tags, **tags}
    return {key: value for key, value in merged.items() if value is not None}
