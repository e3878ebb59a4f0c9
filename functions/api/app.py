"""The management API: who asks, for what, and the answer; errors look as the reference's do."""

import json
from collections.abc import Mapping
from logging import getLogger
from typing import Any

from pydantic import BaseModel

from functions.api.auth import Authenticator, WrongToken
from functions.api.commands import plan, serve
from functions.api.context import BY_IAM, ApiContext, ParsedRequest
from functions.api.health import HealthCheck
from functions.api.routes import CONNECTIONS, choose, find
from functions.credentials import CredentialsKeeper
from functions.errors import Rejected, SyncError
from functions.log import TRACE
from functions.ports import Clock, Pool
from functions.reply import Reply, refusal
from functions.schemas.requests import invalid, read
from functions.schemas.route import Route
from functions.state.sync_repository import ApiCache
from functions.triggers.call import ApiRequest
from functions.triggers.command import ApiCommandName, Command

log = getLogger(__name__)


class Api:
    """The management API, for the life of the container."""

    def __init__(self, keeper: CredentialsKeeper, clock: Clock, pool: Pool) -> None:
        self.authenticator = Authenticator(keeper, clock)
        self.cache = ApiCache()
        self.health = HealthCheck(clock, pool)

    def answer(self, request: ApiRequest, context: ApiContext) -> Reply:
        """Answer a request; only an open route is found without a token."""
        try:
            methods, params = find(request.path)
            is_open = any(route.is_open for route in methods.values())
            is_known = is_open or request.by_iam
            token = BY_IAM if is_known else self.authenticator.token_of(request.headers)
            route = choose(request.path, methods, request.method, params)
            if request.by_iam and request.method != "GET" and CONNECTIONS in request.path:
                raise Rejected(403, "Connections are changed through the gateway, with a token.")
            if token.role == "read" and not _is_for_readers(route, request.method):
                raise Rejected(403, "This API token may only read.")
            if not is_known:
                TRACE.asked_by = token.holder
            parsed = ParsedRequest(params, token, _query(route, request), _body(route, request))
            return Reply(_json(route.handler(context, parsed)))
        except SyncError as error:
            # Wrong tokens are counted: a flood must not fill the log.
            if not isinstance(error, WrongToken):
                log.warning("API request refused: %s", error)
            return refusal(error)

    def plan(self, command: Command, context: ApiContext) -> Reply:
        """Say what a sync would do, with what is wrong with its destination. Raises SyncError."""
        return Reply(plan(command, context))

    def serve(self, name: ApiCommandName, command: Command, context: ApiContext) -> Reply:
        """Answer a command as its route would. Raises SyncError."""
        return Reply(_json(serve(name, command, context)))


def _is_for_readers(route: Route, method: str) -> bool:
    return route.role == "read" or (method == "GET" and route.role is None)


def _query(route: Route, request: ApiRequest) -> BaseModel | None:
    return read(route.query, request.query) if route.query else None


def _body(route: Route, request: ApiRequest) -> Mapping[str, Any]:
    if not route.body:
        return {}
    most = route.max_body_bytes or len(request.body)
    if len(request.body) > most:
        raise Rejected(413, f"The body is larger than {most} bytes.")
    if not request.body.strip():
        raise invalid([("missing", (), "A body is required: a JSON object.")])
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Rejected(415, "The body must be JSON: Content-Type: application/json.")
    try:
        body = json.loads(request.body, parse_float=_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Rejected(400, f"The body is not JSON: {error.msg} ({place}).") from None
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
