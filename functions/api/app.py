"""The management API: who asks, for what, and the answer; errors look as the reference's do."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from logging import getLogger
from typing import Any

from pydantic import BaseModel

from functions.api.answers import Health
from functions.api.context import ApiContext, ParsedRequest
from functions.api.openapi import document
from functions.api.requests import read
from functions.api.routes import DOCUMENT_PATH, HEALTH_PATH, Route, find
from functions.calls.parallel import try_in_parallel
from functions.credentials import ApiToken, CredentialsKeeper
from functions.errors import Rejected, SyncError
from functions.ports import Clock, Pool
from functions.reply import Reply, refusal
from functions.state.sync_repository import ApiCache
from functions.triggers.call import ApiRequest

SECONDS_PER_MINUTE = 60
HEALTH_SECONDS = 15.0
"""How long an answer to who needs no token is remembered: else anybody could have the outside called."""

Checks = Mapping[str, Callable[[], object]]
"""By the name of what is checked: a call that raises SyncError if it is not well."""

log = getLogger(__name__)


class _WrongToken(Rejected):
    """The request carries no token, or none that is known."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, headers={"WWW-Authenticate": "Bearer"})


class Api:
    """The management API, for the life of the container."""

    def __init__(self, keeper: CredentialsKeeper, clock: Clock, pool: Pool) -> None:
        self._keeper = keeper
        self._clock = clock
        self._pool = pool
        self.cache = ApiCache()
        self._minute = 0.0
        self._wrong_tokens = 0
        self._unwell: list[str] = []
        self._checked_at = float("-inf")

    def answer(
        self, request: ApiRequest, context: Callable[[], ApiContext], checks: Callable[[], Checks]
    ) -> Reply:
        """Answer a request; the office is opened only for who may enter."""
        try:
            if request.path == HEALTH_PATH:
                _only_get(request)
                return self._health(checks)
            token = self._authenticate(request.headers)
            if request.path == DOCUMENT_PATH:
                _only_get(request)
                return Reply(document())
            route, params = find(request.method, request.path)
            if token.role == "read" and not (route.reads or request.method == "GET"):
                raise Rejected(403, "This API token may only read.")
            parsed = ParsedRequest(params, _query(route, request), _body(route, request))
            return Reply(_json(route.handler(context(), parsed)))
        except SyncError as error:
            # Wrong tokens are counted: a flood must not fill the log.
            if not isinstance(error, _WrongToken):
                log.warning("API request refused: %s", error)
            return refusal(error)

    def _authenticate(self, headers: Mapping[str, str]) -> ApiToken:
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _WrongToken("Token missing")
        given = hashlib.sha256(token.strip().encode(errors="replace")).hexdigest()
        for renew in (False, True):
            entries = self._keeper.get(renew=renew).api_token_hashes
            fitting = [entry for entry in entries if hmac.compare_digest(entry.sha256, given)]
            if fitting:
                return fitting[0]
        self._count_wrong_token()
        raise _WrongToken("The API token is not valid")

    def _health(self, checks: Callable[[], Checks]) -> Reply:
        """Answer 200 if every check passed lately, else 503 that names those that did not."""
        now = self._clock.monotonic()
        if now - self._checked_at >= HEALTH_SECONDS:
            self._unwell, self._checked_at = self._check(checks()), now
        if self._unwell:
            raise Rejected(503, f"Not healthy: {', '.join(self._unwell)}.")
        return Reply(_json(Health()))

    def _check(self, checks: Checks) -> list[str]:
        results = try_in_parallel(self._pool, checks.values())
        failed = []
        for name, result in zip(checks, results, strict=True):
            if isinstance(result, SyncError):
                log.warning("not healthy: %s: %s", name, result)
                failed.append(name)
        return failed

    def _count_wrong_token(self) -> None:
        """Log how many there are in a minute, at 1, 10, 100, …."""
        minute = self._clock.monotonic() // SECONDS_PER_MINUTE
        if minute != self._minute:
            self._minute, self._wrong_tokens = minute, 0
        self._wrong_tokens += 1
        if str(self._wrong_tokens).strip("0") == "1":
            log.warning("wrong API tokens in this minute: %d", self._wrong_tokens)


def _only_get(request: ApiRequest) -> None:
    if request.method != "GET":
        raise Rejected(405, "Use GET here.", headers={"Allow": "GET"})


def _query(route: Route, request: ApiRequest) -> BaseModel | None:
    return read(route.query, request.query) if route.query else None


def _body(route: Route, request: ApiRequest) -> Mapping[str, Any]:
    if not route.body:
        return {}
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Rejected(415, "The body must be JSON: Content-Type: application/json.")
    try:
        body = json.loads(request.body, parse_float=_number)
    except (ValueError, RecursionError):
        raise Rejected(400, "The body is not JSON in UTF-8.") from None
    if not isinstance(body, dict):
        raise Rejected(400, "The body is not a JSON object.")
    return body


def _number(text: str) -> float:
    """Return a number; to JSON 7.0 is as whole as 7."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _json(answer: BaseModel | list[Any]) -> Any:
    if isinstance(answer, list):
        return [_json(row) for row in answer]
    return answer.model_dump(mode="json", by_alias=True)
