import json

import pytest
from pydantic import SecretStr

from functions.errors import Forbidden, Refused, SyncError, Temporary, Unauthorized
from functions.plan.models import Folder
from functions.sources import connect
from functions.sources.http import SourceCredentials
from infra.local.http import Answer, Server
from infra.local.infisical.server import InfisicalServer
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half, values

APP = Folder("project", "dev", "/app")
LOGIN = "POST /api/v1/auth/universal-auth/login"


@pytest.fixture
def server():
    """A server with one secret."""
    server = InfisicalServer(FakeClock())
    server.url = server.start()
    server.source.set("dev", "/app", "A", "1")
    yield server
    server.stop()


class Container:
    """The warm state of a function, with credentials that can be changed."""

    def __init__(self, server):
        self.credentials = CREDENTIALS
        self.clock = server.clock
        self.infisical = connect(
            "infisical", server.url, lambda _renew: self.credentials, server.clock, half
        )

    def read(self):
        """Read the folder in a new invocation."""
        return values(self.infisical(gate(self.clock)).read(APP, sub_folders=False))


@pytest.fixture
def container(server):
    """A warm container."""
    return Container(server)


def logins(server):
    """Count the logins so far."""
    return server.calls.count(LOGIN)


def test_token_is_kept(server, container):
    """A token serves later invocations until shortly before it expires."""
    server.token_seconds = 3600
    container.read()
    server.clock.sleep(3500)
    container.read()
    assert logins(server) == 1
    server.clock.sleep(50)
    container.read()
    assert logins(server) == 2


@pytest.mark.parametrize("token", ["a\r\nX: y", "", "a b", "\u00fc", 7, None])
def test_a_token_that_is_none(server, container, token):
    """A token that does not fit into a header is refused with the settings that may be wrong, and sent nowhere."""
    answer = Answer(200, {"accessToken": token, "expiresIn": 60})
    server.faults = lambda request: answer if request.path.endswith("/login") else None
    with pytest.raises(Refused, match="answered without a token"):
        container.read()
    assert set(server.calls) == {LOGIN}


def test_login_carries_no_token(server, container):
    """A login never carries an Authorization header: an expired one would fail the login itself."""
    seen = []
    server.faults = lambda request: seen.append((request.path, request.headers["authorization"]))
    container.read()
    server.expire_tokens()
    container.read()
    assert [token for path, token in seen if path.endswith("/login")] == [None, None]


@pytest.mark.parametrize(
    ("status", "error", "again"),
    [
        (401, "UnauthorizedError", True),
        (403, "TokenError", True),
        (401, "ValidationFailure", False),
        (403, "PermissionDenied", False),
        (403, "Identity is not a member of the specified project", False),
    ],
)
def test_login_again(server, container, status, error, again):
    """Only what says that the token is void leads to a new login, and that once a call."""
    container.read()
    body = {"statusCode": status, "error": error, "message": "no"}
    server.faults = lambda request: None if "login" in request.path else Answer(status, body)
    with pytest.raises(Refused):
        container.read()
    assert logins(server) == (2 if again else 1)


def test_revoked_token(server, container):
    """A token that the server no longer knows is replaced unnoticed."""
    container.read()
    server.expire_tokens()
    assert container.read() == {"A": "1"}


def test_rejected_login_is_not_repeated(server, container):
    """A rejected login is not tried again before the credentials change: it would lock the identity."""
    container.credentials = SourceCredentials("client", SecretStr("wrong-secret"))
    for _ in range(3):
        with pytest.raises(Unauthorized, match="clientSecret") as refused:
            container.read()
        assert "wrong-secret" not in str(refused.value)
    assert logins(server) == 1
    container.credentials = CREDENTIALS
    assert container.read() == {"A": "1"}


def test_a_rejection_is_not_for_ever(server, container):
    """An identity that works again is found within the hour, though its credentials stay the same."""
    server.client_secret = "other"
    with pytest.raises(Unauthorized):
        container.read()
    server.client_secret = CREDENTIALS.client_secret.get_secret_value()
    server.clock.sleep(3600)
    assert container.read() == {"A": "1"}


def test_new_credentials_mean_a_new_login(server, container):
    """After a rotation the old credentials' token is not used any more."""
    container.read()
    server.client_secret = "rotated"
    container.credentials = SourceCredentials("client", SecretStr("rotated"))
    container.read()
    assert logins(server) == 2


def test_locked_identity(server, container):
    """A locked identity is no verdict on the credentials: it is tried again later."""
    body = {"error": "UnauthorizedError", "message": "This … is temporarily locked, please try …"}
    server.faults = lambda request: Answer(401, body) if "login" in request.path else None
    with pytest.raises(Temporary) as locked:
        container.read()
    assert locked.value.retry_after_seconds == 300
    server.faults = lambda _: None
    assert container.read() == {"A": "1"}


def test_server_errors_are_tried_again(server, container):
    """A 5xx is tried again after a pause."""
    failures = [Answer(502, b"<html>", {"content-type": "text/html"}), Answer(500, {})]
    server.faults = lambda _: failures.pop() if failures else None
    assert container.read() == {"A": "1"}
    assert len(server.clock.slept) == 2


def test_unreachable():
    """An address where nobody answers is a temporary error that names the address."""
    clock = FakeClock()
    infisical = connect("infisical", "http://127.0.0.1:9", lambda _renew: CREDENTIALS, clock, half)
    with pytest.raises(Temporary, match=r"127\.0\.0\.1:9/api/v1/auth/.*no answer"):
        infisical(gate(clock)).ping()


def test_redirects_are_not_followed(server, container):
    """A redirect is refused with advice: following it would hand the credentials to somebody else."""
    server.faults = lambda _: Answer(307, None, {"location": "http://127.0.0.1:9/"})
    with pytest.raises(Refused, match="SOURCE_URL"):
        container.read()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"secrets": {}}', b'{"secrets": [1]}', b"{}"])
def test_strange_answers(server, container, body):
    """What is no list of secrets is refused, never read as an empty one."""
    container.read()
    server.faults = lambda request: Answer(200, body) if "secrets" in request.path else None
    with pytest.raises(Refused):
        container.read()


def test_not_an_infisical():
    """A server without any known route is refused with advice about the settings."""
    clock = FakeClock()
    server = Server(lambda _: Answer(404, {"message": "not found"}))
    infisical = connect("infisical", server.url, lambda _renew: CREDENTIALS, clock, half)
    try:
        with pytest.raises(Refused, match="SOURCE_KIND"):
            infisical(gate(clock)).read(APP, sub_folders=False)
    finally:
        server.stop()


def test_errors_tell_what_and_where(server, container):
    """An error says which call was answered how, without its query."""
    server.forbidden = {("dev", "/app")}
    with pytest.raises(Forbidden) as refused:
        container.read()
    text = str(refused.value)
    assert "GET http://127.0.0.1" in text
    assert "/api/v4/secrets: HTTP 403 'You are not allowed to read on secrets'" in text
    assert "?" not in text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
def test_answers_to_writes_are_not_repeated(server, container, status):
    """Whatever a server says to a write is not shown: it may repeat the value."""

    def echo(request):
        if request.method == "GET" or "login" in request.path:
            return None
        return Answer(status, {"message": request.body.decode(), "error": request.body.decode()})

    server.faults = echo
    source = container.infisical(gate(container.clock))
    try:
        shown = json.dumps(source.write(APP, {"NEW": "geheim"}, replace=False))
    except SyncError as error:
        shown = str(error)
    assert str(status) in shown
    assert "geheim" not in shown
