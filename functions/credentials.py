"""The credentials JSON, and how long it is kept: it may be rotated while the container is warm."""

import base64
import binascii
import re
from collections.abc import Callable
from logging import getLogger
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    SecretBytes,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
)

from functions.errors import InvalidSettings, SyncError
from functions.plan.fields import ShortSlug
from functions.plan.sync_config import Camel, describe
from functions.ports import Clock

MIN_DIGEST_KEY_BYTES = 32
KEEP_SECONDS = 600.0
REFETCH_AFTER_SECONDS = 60.0
HASH_DIGITS = 8
"""By so many digits of its hash records name a token that has no name."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]

log = getLogger(__name__)


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


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be blank")
    return secret


NotBlank = Annotated[SecretStr, AfterValidator(_not_blank)]
"""With a blank key everybody could sign."""


class ApiToken(Camel):
    """The hash of a bearer token, and what its holder may do."""

    sha256: Sha256
    role: Literal["full", "read"] = "full"
    name: ShortSlug | None = None
    expires_at: AwareDatetime | None = None

    @property
    def holder(self) -> str:
        """Say whose token it is, as records name them."""
        return self.name or self.sha256[:HASH_DIGITS]


def _token(entry: object) -> object:
    return {"sha256": entry} if isinstance(entry, str) else entry


def _header_value(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value.get_secret_value()):
        raise ValueError("must be one line of printable ASCII without blanks around it")
    return value


HeaderName = Annotated[
    str,
    StringConstraints(
        pattern=re.compile(
            r"(?i)^(?!(authorization|host|cookie|connection|transfer-encoding|upgrade|te)\Z)"
            r"(?!(content|proxy)-)[!#$%&'*+.^_`|~0-9a-z-]+\Z"
        )
    ),
]
"""A token, and none of those that the requests themselves have or that frame them."""


class Credentials(Camel):
    """The credentials JSON."""

    client_id: Annotated[str, StringConstraints(min_length=1)]
    client_secret: NotBlank
    webhook_secrets: tuple[NotBlank, ...] = ()
    api_token_hashes: tuple[Annotated[ApiToken, BeforeValidator(_token)], ...] = ()
    digest_key: Annotated[SecretBytes, BeforeValidator(_decode_key)]
    organization_slug: Annotated[str, StringConstraints(min_length=1)] | None = None
    source_headers: dict[HeaderName, Annotated[SecretStr, AfterValidator(_header_value)]] = {}
    source_proxy_password: SecretStr | None = None

    @field_validator("api_token_hashes")
    @classmethod
    def _names_are_unique(cls, tokens: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
        names = [token.name for token in tokens if token.name]
        if len(names) > len(set(names)):
            raise ValueError("two entries have the same name")
        return tokens


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
        self._tried_at = 0.0

    def get(self, *, renew: bool = False) -> Credentials:
        """Return the credentials; with `renew` they are fetched again, at most once a minute.

        Where renewing fails, those in hand still count: else anybody with a wrong token could have
        the vault asked again and again.
        """
        now = self._clock.monotonic()
        if self._held is None or now - self._fetched_at > KEEP_SECONDS:
            return self._renewed()
        if renew and now - self._tried_at > REFETCH_AFTER_SECONDS:
            try:
                return self._renewed()
            except SyncError as error:
                log.warning("the credentials could not be read again: %s", error)
        return self._held

    def _renewed(self) -> Credentials:
        self._tried_at = self._clock.monotonic()
        self._held = parse_credentials(self._fetch())
        self._fetched_at = self._clock.monotonic()
        return self._held
