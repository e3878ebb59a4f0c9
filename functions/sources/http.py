"""HTTP to a secret manager: client-credentials login, bearer token, JSON."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from pydantic import SecretStr

from functions.calls.retry import Retrying
from functions.errors import NotFound, Refused, Temporary, Unauthorized
from functions.log import TRACE
from functions.ports import Clock
from functions.sources.errors import RouteMissing, TokenRejected, failure, is_page
from functions.sources.transport import USER_AGENT, Transport, no_answer

_EXPIRY_MARGIN_SECONDS = 60.0
_LONGEST_LIFETIME_SECONDS = 1e9
_TOKEN = re.compile("[!-~]+")
_REJECTION_SECONDS = 1800.0
"""So rarely tried, a login that stays rejected locks nobody out, and one that works again is found."""


def url_path(*segments: str) -> str:
    """Return segments as part of a URL. Raises Refused for one that would lead elsewhere.

    Dots cannot be quoted: every HTTP library takes `..` for the way up.
    """
    for segment in segments:
        if segment in ("", ".", "..") or not segment.isprintable():
            raise Refused(f"{segment!r} cannot be a part of a name or path")
    return "/".join(quote(segment, safe="") for segment in segments)


def encodable(text: str) -> str:
    """Return a name as text that can be stored: JSON can hold half of a character, UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class SourceCredentials:
    """The machine identity that reads (and, for imports, writes) the source."""

    client_id: str
    client_secret: SecretStr
    organization_slug: str | None = None
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    """What every request carries besides, for a door before the source."""
    proxy_password: SecretStr | None = None


GetCredentials = Callable[[bool], SourceCredentials]
"""Called for each request, so it is cheap; with True the credentials may be fetched again."""


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretStr
    credentials: SourceCredentials
    valid_until: float


class SourceHttp:
    """The container's connection to one secret manager: connection pool, token, refused login.

    A login that was rejected is not soon repeated with the same credentials: a few failures lock the
    identity out for everybody.
    """

    def __init__(
        self,
        url: str,
        login_path: str,
        credentials: GetCredentials,
        clock: Clock,
        transport: Transport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._login_path = login_path
        self._credentials = credentials
        self._clock = clock
        self._transport = transport or Transport()
        self._pool: tuple[SecretStr | None, urllib3.PoolManager] | None = None
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._rejected: SourceCredentials | None = None
        self._rejected_at = 0.0
        self.older_routes: set[str] = set()
        """Which routes the server has only in an older version."""

    def request(
        self,
        retrying: Retrying,
        method: str,
        route: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        **names: str,
    ) -> dict[str, Any]:
        """Return the JSON object that the server answers, logging in (again) where needed.

        `names` fill the placeholders of the route; they come from `url_path`.

        Raises RouteMissing, NotFound, Forbidden, Unauthorized, Refused, Temporary, OutOfTime.
        """

        def send(token: _Token) -> dict[str, Any]:
            return retrying.call(
                lambda: self._exchange(method, route, names, query, body, token.value)
            )

        token = self.login(retrying)
        try:
            return send(token)
        except TokenRejected:
            return send(self.login(retrying, instead_of=token))

    def login(self, retrying: Retrying, instead_of: _Token | None = None) -> _Token:
        """Return a token that is valid as far as one can tell here, and is not `instead_of`."""
        credentials = self._credentials(False)
        with self._lock:
            if credentials == self._rejected:
                credentials = self._credentials(True)
            token = self._token
            if (
                token is not None
                and token is not instead_of
                and token.credentials == credentials
                and self._clock.now().timestamp() < token.valid_until
            ):
                return token
            age = self._clock.monotonic() - self._rejected_at
            if credentials == self._rejected and age < _REJECTION_SECONDS:
                raise Unauthorized(
                    f"{self._url} rejected the login of this client id before; it is not tried again "
                    "so soon with the same credentials. Correct clientId and clientSecret."
                )
            self._token = retrying.call(lambda: self._log_in(credentials))
            return self._token

    def _log_in(self, credentials: SourceCredentials) -> _Token:
        body = {
            "clientId": credentials.client_id,
            "clientSecret": credentials.client_secret.get_secret_value(),
        }
        if credentials.organization_slug:
            body["organizationSlug"] = credentials.organization_slug
        now = self._clock.now().timestamp()
        try:
            answer = self._exchange("POST", self._login_path, {}, None, body, None)
        except RouteMissing as missing:
            raise Refused(f"{missing}: {_WRONG_URL}") from None
        except (Unauthorized, NotFound) as refusal:
            self._rejected, self._rejected_at = credentials, self._clock.monotonic()
            raise Unauthorized(
                f"{self._url} rejected the login: check clientId and clientSecret, whether the client "
                f"secret has expired or is used up, and SOURCE_URL. ({refusal})"
            ) from None
        value, lifetime = answer.get("accessToken"), answer.get("expiresIn")
        if not (isinstance(value, str) and _TOKEN.fullmatch(value)) or not (
            isinstance(lifetime, int | float) and lifetime >= 0
        ):
            raise Refused(f"{self._url}{self._login_path} answered without a token: {_WRONG_URL}")
        lifetime = min(lifetime, _LONGEST_LIFETIME_SECONDS)
        margin = min(_EXPIRY_MARGIN_SECONDS, lifetime / 10)
        valid_until = now + lifetime - margin if lifetime else float("inf")
        return _Token(SecretStr(value), credentials, valid_until)

    def _exchange(
        self,
        method: str,
        route: str,
        names: Mapping[str, str],
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        token: SecretStr | None,
    ) -> dict[str, Any]:
        TRACE.count(f"{method} {route}")
        path = route.format(**names)
        credentials = self._credentials(False)
        extra = {name: value.get_secret_value() for name, value in credentials.headers.items()}
        headers = {**extra, "Accept": "application/json", "User-Agent": USER_AGENT}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        try:
            # Redirects are not followed: they would carry credentials to wherever they point.
            pool = self._connections(credentials.proxy_password)
            response = pool.request(method, target, body=content, headers=headers, retries=False)
            status, data, answered = response.status, response.data, response.headers
        except urllib3.exceptions.HTTPError as error:
            self._pool = None  # certificates and password may be others by now
            raise no_answer(f"{method} {self._url}{path}", error) from None
        parsed = _json_object(data)
        if status // 100 != 2:  # noqa: PLR2004
            call = f"{method} {self._url}{path}"
            raise failure(call, status, parsed or {}, answered, reading=method == "GET")
        if parsed is None:
            what = f"is a web page: {_WRONG_URL}" if is_page(answered) else "cannot be read"
            raise Temporary(f"{method} {self._url}{path}: its answer {what}")
        return parsed

    def _connections(self, proxy_password: SecretStr | None) -> urllib3.PoolManager:
        if self._pool is None or self._pool[0] != proxy_password:
            self._pool = proxy_password, self._transport.pool(proxy_password)
        return self._pool[1]


_WRONG_URL = (
    "is SOURCE_URL the base URL of the secret manager and SOURCE_KIND right, or does a proxy or a login "
    "page stand in front?"
)


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(data)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
