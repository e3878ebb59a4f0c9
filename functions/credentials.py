"""The credentials JSON, and how long it is kept: it may be rotated while the container is warm."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretBytes, SecretStr, StringConstraints, ValidationError

from functions.core.config import Camel, describe
from functions.core.errors import InvalidSettings
from functions.core.ports import Clock

MIN_DIGEST_KEY_BYTES = 32
KEEP_SECONDS = 600.0
REFETCH_AFTER_SECONDS = 60.0

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", to_lower=True)]


def _decode_key(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64") from None
    if len(key) < MIN_DIGEST_KEY_BYTES:
        raise ValueError(f"must hold at least {MIN_DIGEST_KEY_BYTES} bytes")
    return key


class ApiToken(Camel):
    """The hash of a bearer token, and what its holder may do."""

    sha256: Sha256
    role: Literal["full", "read"] = "full"


def _token(entry: object) -> object:
    return {"sha256": entry} if isinstance(entry, str) else entry


class Credentials(Camel):
    """The credentials JSON."""

    client_id: Annotated[str, StringConstraints(min_length=1)]
    client_secret: SecretStr
    webhook_secrets: tuple[SecretStr, ...] = ()
    api_token_hashes: tuple[Annotated[ApiToken, BeforeValidator(_token)], ...] = ()
    digest_key: Annotated[SecretBytes, BeforeValidator(_decode_key)]


def parse_credentials(body: bytes) -> Credentials:
    """Read the credentials JSON. Raises InvalidSettings that says what is wrong, never its content."""
    try:
        return Credentials.model_validate_json(body)
    except ValidationError as error:
        raise InvalidSettings(f"The credentials JSON is wrong. {describe(error)}") from None


class CredentialsKeeper:
    """Holds the credentials while the container is warm; they may be rotated meanwhile."""

    def __init__(self, fetch: Callable[[], bytes], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: Credentials | None = None
        self._fetched_at = 0.0

    def get(self, *, renew: bool = False) -> Credentials:
        """Return the credentials; with `renew` they are fetched anew, at most once a minute."""
        age = self._clock.monotonic() - self._fetched_at
        if self._held is None or age > (REFETCH_AFTER_SECONDS if renew else KEEP_SECONDS):
            self._held = parse_credentials(self._fetch())
            self._fetched_at = self._clock.monotonic()
        return self._held
