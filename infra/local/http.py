"""What all simulators share: requests, answers, errors, paging and a keep-alive HTTP server."""

import base64
import json
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]
Row = TypeVar("Row")
DEFAULT_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; `body` is sent as it is if bytes, else as JSON, and not at all if None."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Failure(Exception):
    """An OCI error: the body is `{"code", "message"}`."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        body = {"code": code, "message": message}
        self.answer = Answer(status, body, headers or {})


def absent(what: str) -> Failure:
    """Return the error for something that does not exist or may not be seen."""
    return Failure(
        404,
        "NotAuthorizedOrNotFound",
        f"Authorization failed or requested resource not found: {what}",
    )


def invalid(message: str) -> Failure:
    """Return the error for a request that breaks a rule."""
    return Failure(400, "InvalidParameter", message)


@dataclass(slots=True)
class Request:
    """A request as it came over the wire; `target` is path and query, still percent-encoded.

    `most_rows` caps the pages of the answer, whatever the caller's limit.
    """

    method: str
    target: str
    headers: Message
    body: bytes
    most_rows: int = sys.maxsize

    @property
    def path(self) -> str:
        """Return the decoded path."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """Return the query parameters."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Json:
        """Return the body as a JSON object; an empty body is an empty object."""
        try:
            body = json.loads(self.body or b"{}")
        except ValueError:
            raise Failure(400, "CannotParseRequest", "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise Failure(400, "CannotParseRequest", "The body is not a JSON object.")
        return body


Handler = Callable[..., Answer]


class Route(NamedTuple):
    """One operation. `key` is the path, query or body parameter that says what a call is about.

    `rule` is a werkzeug rule; its parameters are passed to `handler` after the request.
    """

    operation: str
    family: str
    method: str
    rule: str
    key: str
    handler: Handler


def wire_time(when: datetime | None) -> str | None:
    """Write a time as OCI does."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read a time of a request."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} is not an RFC 3339 time.") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    """Read a whole number of a query."""
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise invalid(f"{name} must be a whole number.")
    return int(text)


def page(rows: Sequence[Row], request: Request) -> tuple[Sequence[Row], Json]:
    """Cut the page out of `rows` that the request asks for; return it with its headers."""
    query = request.query
    try:
        start = int(base64.urlsafe_b64decode(query.get("page", "MA==")))
    except ValueError:
        raise invalid("The page token is not valid.") from None
    size = min(whole(query, "limit", DEFAULT_PAGE_ROWS), request.most_rows)
    end = start + size
    more = end < len(rows)
    headers = {"opc-next-page": base64.urlsafe_b64encode(b"%d" % end).decode()} if more else {}
    return rows[start:end], headers


class Server:
    """A threaded HTTP/1.1 server on a free loopback port.

    `serve` turns a request into an answer; a ConnectionError that it raises ends the connection
    without any answer.
    """

    def __init__(self, serve: Callable[[Request], Answer]) -> None:
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.serve = serve
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def stop(self) -> None:
        """Close the port and every connection; return when all threads have ended."""
        self._http.shutdown()
        for connection in list(self._http.connections):
            _hang_up(connection)
        self._http.server_close()
        self._thread.join()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was first


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    serve: Callable[[Request], Answer]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    server: _Http

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # its sender died: no server takes a part for the whole
            self.close_connection = True
            return
        try:
            answer = self.server.serve(Request(self.command, self.path, self.headers, body))
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001  a bug here: 501, because the SDK retries all other 5xx
            traceback.print_exc()
            answer = Answer(501, {"code": "NotImplemented", "message": "The simulator failed."})
        content = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            if content and "content-type" not in answer.headers:
                self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  names of the base class
    do_OPTIONS = do_TRACE = do_QUERY = _serve  # noqa: N815  same


def _encode(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
