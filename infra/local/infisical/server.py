"""An Infisical-compatible server on loopback, with the manners of the real one."""

import secrets as random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from functions.ports import Clock
from infra.local.http import Answer, Request, Server
from infra.local.infisical.endpoints import Endpoints, Refusal
from infra.local.infisical.webhooks import Webhooks

WINDOW_SECONDS = 60.0
LARGEST_BODY_BYTES = 1_048_576

_V4 = {
    "secrets": "/api/v4/secrets",
    "batch": "/api/v4/secrets/batch",
    "folders": "/api/v2/folders",
    "imports": "/api/v2/secret-imports",
    "projects": "/api/v1/projects",
    "project": "/api/v1/projects/<project>",
}
_V3 = {
    "secrets": "/api/v3/secrets/raw",
    "batch": "/api/v3/secrets/batch/raw",
    "folders": "/api/v1/folders",
    "imports": "/api/v1/secret-imports",
    "projects": "/api/v1/workspace",
    "project": "/api/v1/workspace/<project>",
}


@dataclass
class InfisicalServer(Endpoints):
    """The server. Its attributes may be changed while it runs (`webhooks.url` for the webhook's).

    `api="v3"` behaves as a server of 2024: older routes, 200 for folders that do not exist, 500 for
    what exceeds the rate limit. `faults` may answer a request instead of the server.
    """

    clock: Clock
    client_id: str = "client"
    client_secret: str = "client-secret"
    token_seconds: int = 3600
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_delay_seconds: float = 1.0
    latency_seconds: float = 0.0
    requests_per_minute: int | None = None
    faults: Callable[[Request], Answer | None] = lambda _: None
    calls: list[str] = field(default_factory=list)

    def start(self) -> str:
        """Listen on a free port; return the base URL."""
        self._tokens: dict[str, float] = {}
        self._counted: dict[str, deque[float]] = {}
        self._routes = _routes(_V4 if self.api == "v4" else _V3)
        self.webhooks = Webhooks(
            self.clock,
            self.source.project_id,
            self.source.dependents,
            url=self.webhook_url,
            secret=self.webhook_secret,
            delay_seconds=self.webhook_delay_seconds,
        )
        self.source.on_change = self.webhooks.changed
        self._server = Server(self._serve)
        return self._server.url

    def stop(self) -> None:
        """Stop listening and delivering."""
        self.webhooks.stop()
        self._server.stop()

    def expire_tokens(self) -> None:
        """Revoke every access token."""
        self._tokens.clear()

    def _serve(self, request: Request) -> Answer:
        self.calls.append(f"{request.method} {request.path}")
        if self.latency_seconds:
            self.clock.sleep(self.latency_seconds)
        fault = self.faults(request)
        if fault is not None:
            return fault
        try:
            return self._answer(request)
        except Refusal as refusal:
            return refusal.answer

    def _answer(self, request: Request) -> Answer:
        try:
            endpoint, values = self._routes.bind("local").match(
                request.path.rstrip("/"), method=request.method
            )
        except HTTPException:
            message = f"Route {request.method}:{request.target} not found"
            raise Refusal(404, "Not Found", message) from None
        if endpoint == "login":
            return Answer(body=self._login(request.json()))
        self._authorize(request)
        limit = self._limit(endpoint, request)
        if limit is not None:
            return limit
        if len(request.body) > LARGEST_BODY_BYTES:
            raise Refusal(500, "InternalServerError", "Something went wrong")
        return Answer(body=getattr(self, endpoint)(request, **values))

    def _login(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body.get("clientId"), body.get("clientSecret")) != (self.client_id, self.client_secret):
            raise Refusal(401, "UnauthorizedError", "Invalid credentials")
        token = random.token_urlsafe()
        self._tokens[token] = self.clock.now().timestamp() + self.token_seconds
        lifetime = self.token_seconds
        return {
            "accessToken": token,
            "expiresIn": lifetime,
            "accessTokenMaxTTL": lifetime,
            "tokenType": "Bearer",
        }

    def _authorize(self, request: Request) -> None:
        token = (request.headers.get("authorization") or "").removeprefix("Bearer ")
        if not token:
            raise Refusal(401, "UnauthorizedError", "Token missing")
        if token not in self._tokens:
            raise Refusal(401, "UnauthorizedError", "No identity access token found")
        if self.clock.now().timestamp() >= self._tokens[token]:
            raise Refusal(403, "TokenError", "Your token has expired. Please re-authenticate.")

    def _limit(self, endpoint: str, request: Request) -> Answer | None:
        if self.requests_per_minute is None:
            return None
        now = self.clock.monotonic()
        counted = self._counted.setdefault(f"{request.method} {endpoint}", deque())
        while counted and counted[0] <= now - WINDOW_SECONDS:
            counted.popleft()
        if len(counted) < self.requests_per_minute:
            counted.append(now)
            return None
        wait = {"retry-after": str(max(1, round(counted[0] + WINDOW_SECONDS - now)))}
        status, error = (
            (429, "RateLimitExceeded") if self.api == "v4" else (500, "InternalServerError")
        )
        body = {"statusCode": status, "message": HTTPStatus(status).phrase, "error": error}
        return Answer(status, body, wait)


def _routes(paths: dict[str, str]) -> Map:
    one = f"{paths['secrets']}/<key>"
    table = [
        ("POST", "/api/v1/auth/universal-auth/login", "login"),
        ("GET", "/api/status", "status"),
        ("GET", paths["projects"], "projects"),
        ("GET", paths["project"], "project"),
        ("GET", paths["folders"], "folders"),
        ("POST", paths["folders"], "create_folder"),
        ("DELETE", f"{paths['folders']}/<name>", "delete_folder"),
        ("GET", paths["imports"], "imports"),
        ("GET", paths["secrets"], "secrets"),
        ("POST", paths["batch"], "create"),
        ("PATCH", paths["batch"], "update"),
        ("DELETE", paths["batch"], "delete"),
        ("POST", one, "create_one"),
        ("PATCH", one, "update_one"),
        ("DELETE", one, "delete_one"),
    ]
    return Map([Rule(path, methods=[method], endpoint=name) for method, path, name in table])
