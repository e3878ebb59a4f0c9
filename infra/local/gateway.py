"""HTTP to function calls, as OCI API Gateway does it."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Self

from infra.local.host import Reply
from infra.local.http import Answer, Request, Server

MAX_BODY_BYTES = 6 * 1024 * 1024
_HEADER = "fn-http-h-"


class Gateway:
    """An HTTP door to the function on a free loopback port, below the path `prefix`."""

    def __init__(self, call: Callable[[bytes, Mapping[str, str]], Reply], prefix: str = "") -> None:
        self._call = call
        self._prefix = prefix
        self._server = Server(self._serve)
        self.url = self._server.url + prefix

    def stop(self) -> None:
        """Close the port."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, request: Request) -> Answer:
        if not request.path.startswith(f"{self._prefix}/"):
            return _refusal(HTTPStatus.NOT_FOUND)
        if len(request.body) > MAX_BODY_BYTES:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        reply = self._call(request.body, _fn_headers(request))
        if reply.status != HTTPStatus.OK:
            return _refusal(HTTPStatus(reply.status))
        headers = {
            name.removeprefix(_HEADER): value
            for name, value in reply.headers.items()
            if name.startswith(_HEADER) or name == "content-type"
        }
        return Answer(int(reply.headers.get("fn-http-status", 200)), reply.body, headers)


def _fn_headers(request: Request) -> dict[str, str]:
    return {
        "Fn-Intent": "httprequest",
        "Fn-Http-Method": request.method,
        "Fn-Http-Request-Url": request.target,
        # The platform sends the content type in both forms; the fdk makes a list of them.
        "Content-Type": request.headers.get("content-type", "application/octet-stream"),
        **{f"Fn-Http-H-{name}": value for name, value in request.headers.items()},
    }


def _refusal(status: HTTPStatus) -> Answer:
    return Answer(status, {"code": status.value, "message": status.phrase})
