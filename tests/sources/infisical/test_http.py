import json

import pytest
from pydantic import SecretStr

from functions.calls.retry import Retrying
from functions.errors import Forbidden, Refused, SyncError, Temporary, Unauthorized
from functions.plan.models import Folder
from functions.sources import connect
from functions.sources.http import SourceCredentials, SourceHttp
from functions.sources.infisical.routes import Api
from functions.sources.infisical.source import LOGIN_PATH
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

    def write(self, secrets):
        """Write secrets in a new invocation."""
        return self.infisical(gate(self.clock)).write(APP, secrets, replace=False)

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


def test_a_token_after_a_year(server, container):
    """However long a container rests, it logs in again, once."""
    server.token_seconds = 3600
    container.read()
    server.clock.sleep(366 * 86_400)
    assert container.read() == container.read() == {"A": "1"}
    assert logins(server) == 2


def test_a_rejected_login_after_a_year(server, container):
    """A login that was rejected once is tried again after a year, and works if it does by then."""
    server.faults = lambda request: (
        Answer(401, {"message": "no"}) if "login" in request.path else None
    )
    with pytest.raises(Unauthorized):
        container.read()
    server.faults = lambda _: None
    server.clock.sleep(366 * 86_400)
    assert container.read() == {"A": "1"}


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


@pytest.mark.parametrize("body", [b'{"secrets": {}}', b'{"secrets": [1]}', b"{}"])
def test_strange_answers(server, container, body):
    """What is no list of secrets is trouble that may pass, and is never read as an empty one."""
    container.read()
    server.faults = lambda request: Answer(200, body) if "secrets" in request.path else None
    with pytest.raises(Temporary, match="not in a form that is known"):
        container.read()


@pytest.mark.parametrize("what", ["folders", "imports", "projects", "environments"])
def test_lists_that_are_none(server, what):
    """An answer without the list that was asked for is no empty list, whatever is listed."""
    http = SourceHttp(server.url, LOGIN_PATH, lambda _renew: CREDENTIALS, server.clock)
    api = Api(http, Retrying(gate(server.clock), half))
    asked = {
        "folders": lambda: api.folders(APP),
        "imports": lambda: api.imports(APP),
        "projects": api.projects,
        "environments": lambda: api.environments("project"),
    }
    server.faults = lambda request: None if "login" in request.path else Answer(200, {})
    with pytest.raises(Temporary, match="has no list of"):
        asked[what]()


def test_a_write_that_nobody_confirms(server, container):
    """A write whose answer says neither that it was done nor that it waits does not count as done."""
    server.faults = lambda request: Answer(200, {}) if "batch" in request.path else None
    with pytest.raises(Temporary, match="whether secrets were written"):
        container.write({"B": "2"})


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"secrets": [{"secretKey": "A"', b"\xff"])
@pytest.mark.parametrize("path", ["login", "secrets"])
def test_answers_that_cannot_be_read(server, container, path, body):
    """Half an answer, or none, with status 200 is trouble that may pass, whatever was called."""
    server.faults = lambda request: Answer(200, body) if path in request.path else None
    with pytest.raises(Temporary, match="cannot be read"):
        container.read()
    answers = [Answer(200, body)]
    server.faults = lambda request: answers.pop() if path in request.path and answers else None
    assert container.read() == {"A": "1"}


PAGE = {"content-type": "text/html; charset=utf-8"}


@pytest.mark.parametrize("path", ["login", "secrets"])
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(403, b"<html>", PAGE), "with a web page, so a proxy or a login page answers"),
        (
            Answer(302, None, {"location": "https://acme.example/cdn-cgi/access/login/kms?kid=1"}),
            "a redirect to the login page of acme.example, so a proxy",
        ),
        (Answer(302, None, {"location": "/oauth2/sign_in"}), "the login page of this host"),
        (
            Answer(301, None, {"location": "https://kms.example/api"}),
            "set SOURCE_URL to the address",
        ),
    ],
)
def test_a_door_before_the_source(server, container, path, answer, says):
    """What a proxy or login page answers is told as that, at once, with the settings that help."""
    server.faults = lambda request: answer if path in request.path else None
    with pytest.raises(Refused, match=says) as refused:
        container.read()
    assert "kid=" not in str(refused.value)
    assert server.clock.slept == []


@pytest.mark.parametrize("path", ["login", "secrets"])
def test_a_page_that_says_all_is_well(server, container, path):
    """A web page with status 200 is no answer: trouble that may pass, with the settings that help."""
    server.faults = lambda request: Answer(200, b"<html>", PAGE) if path in request.path else None
    with pytest.raises(Temporary, match=r"is a web page: is SOURCE_URL the base URL.*login page"):
        container.read()
    pages = [Answer(200, b"<html>", PAGE)]
    server.faults = lambda request: pages.pop() if path in request.path and pages else None
    assert container.read() == {"A": "1"}


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, "UnauthorizedError", "Access denied due to expired client secret"),
        (401, "UnauthorizedError", "Access denied due to client secret usage limit reached"),
        (
            403,
            "ForbiddenError",
            "You are not allowed to access this resource from the current IP address",
        ),
    ],
)
def test_why_a_login_is_refused(server, container, status, error, sentence):
    """A refused login says in the source's own words why, where they are known to hold no value."""
    message = [sentence]

    def refuse(request):
        body = {"statusCode": status, "error": error, "message": message[0]}
        return Answer(status, body) if "login" in request.path else None

    server.faults = refuse
    with pytest.raises(Refused, match=sentence):
        container.read()
    message[0] = f"{sentence}: client-secret"
    server.clock.sleep(3600)
    with pytest.raises(Refused) as refused:
        container.read()
    assert "client-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["1e15", "inf", "nan", "-5", "²", "1e400", "Wed, 21 Oct 2026 07:28:00 GMT"]
)
def test_strange_pauses(server, container, text):
    """However long, or strangely, a server asks to wait: the call ends with the server's own error."""
    headers = {"retry-after": text.encode().decode("latin-1")}
    server.faults = lambda _: Answer(503, {}, headers)
    with pytest.raises(Temporary, match="HTTP 503") as trouble:
        container.read()
    assert (trouble.value.retry_after_seconds or 0) <= 3600


@pytest.mark.parametrize("lifetime", [0, 1e300, 10**400, 0.001, True])
def test_strange_lifetimes(server, container, lifetime):
    """Whatever a server calls the lifetime of a token, calls are made with it, today and in a year."""
    token = Answer(200, {"accessToken": "none-of-this-server", "expiresIn": lifetime})
    server.faults = lambda request: token if "login" in request.path else None
    for _ in range(2):
        with pytest.raises(Unauthorized, match="api/v4/secrets"):
            container.read()
        server.clock.sleep(366 * 86_400)


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
