"""Who asks: the bearer tokens of the management API."""

import hashlib
import hmac
from collections.abc import Mapping
from logging import getLogger

from functions.credentials import ApiToken, CredentialsKeeper
from functions.errors import Rejected
from functions.ports import Clock

SECONDS_PER_MINUTE = 60
log = getLogger(__name__)


class WrongToken(Rejected):
    """The request carries no token, or none that is known."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, headers={"WWW-Authenticate": "Bearer"})


class Authenticator:
    """Knows tokens by their hashes, for the life of the container."""

    def __init__(self, keeper: CredentialsKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._minute = 0.0
        self._wrong_tokens = 0

    def token_of(self, headers: Mapping[str, str]) -> ApiToken:
        """Return the entry of the token that the request carries. Raises WrongToken."""
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise WrongToken("Token missing: send the header Authorization: Bearer <token>.")
        return self._entry(token.strip(), None)

    def log_in(self, name: str, token: str) -> ApiToken:
        """Return the entry of this name and token. Raises WrongToken."""
        return self._entry(token.strip(), name)

    def _entry(self, token: str, name: str | None) -> ApiToken:
        given = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        for renew in (False, True):
            entries = self._keeper.get(renew=renew).api_token_hashes
            fitting = [entry for entry in entries if _fits(entry, given, name)]
            if fitting and not self._has_expired(fitting[0]):
                return fitting[0]
        self._count_wrong_token()
        if name is not None:
            raise WrongToken("Invalid credentials")
        raise WrongToken("The API token has expired." if fitting else "The API token is not valid.")

    def _has_expired(self, entry: ApiToken) -> bool:
        return entry.expires_at is not None and entry.expires_at <= self._clock.now()

    def _count_wrong_token(self) -> None:
        """Log how many there are in a minute, at 1, 10, 100, …."""
        minute = self._clock.monotonic() // SECONDS_PER_MINUTE
        if minute != self._minute:
            self._minute, self._wrong_tokens = minute, 0
        self._wrong_tokens += 1
        if str(self._wrong_tokens).strip("0") == "1":
            log.warning("wrong API tokens in this minute: %d", self._wrong_tokens)


def _fits(entry: ApiToken, sha256: str, name: str | None) -> bool:
    """Compare hash and, where one is given, name; how long it takes tells of neither."""
    asked, called = (name or "").encode(errors="replace"), (entry.name or "").encode()
    has_name = hmac.compare_digest(asked, called) & (entry.name is not None)
    return hmac.compare_digest(entry.sha256, sha256) & (name is None or has_name)
