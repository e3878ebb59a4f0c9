from dataclasses import replace
from urllib.parse import unquote

import pytest

from functions.errors import Forbidden, Refused, SourceMissing, Temporary, Unauthorized
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin
from functions.sources import connect
from infra.local.http import Answer, Server
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half, values

APP = Folder("acme", "dev", "/app")
BASE = "/v1/kms/orgs/acme/secrets"


class Kms:
    """A Hanzo KMS: secrets by (path, name, env); lists show names of every environment."""

    def __init__(self):
        self.secrets = {}
        self.forbidden = set()
        self.hidden = set()
        self.secret = CREDENTIALS.client_secret.get_secret_value()
        self.foreign = False
        self.writes = []
        self.read = []
        self.empty = None
        """Of this path the answer says nothing."""

    def __call__(self, request):
        if request.path == "/v1/kms/auth/login":
            if request.json()["clientSecret"] != self.secret:
                return Answer(401, {"statusCode": 401, "message": "invalid credentials"})
            return Answer(200, {"accessToken": "jwt", "expiresIn": 86400, "tokenType": "Bearer"})
        if request.headers["authorization"] != "Bearer jwt":
            return Answer(401, {"message": "unauthorized"})
        self.read.append(request.path)
        if request.path == self.empty:
            return Answer(200, {})
        if self.foreign:
            return Answer(403, {"message": "org claim does not match URL"})
        if request.path == "/v1/kms/health":
            return Answer(200, {"status": "ok"})
        if request.path == BASE:
            return (
                self.put(request.json()) if request.method == "POST" else self.list(request.query)
            )
        return self.get(unquote(request.path.removeprefix(BASE + "/")), request.query["env"])

    def list(self, query):
        names = {(path, name) for path, name, _ in self.secrets if path.startswith(query["prefix"])}
        rows = [{"path": path, "name": name} for path, name in names]
        rows += [{"path": path, "name": name, "env": env} for path, name, env in self.hidden]
        return Answer(200, {"secrets": rows})

    def get(self, rest, env):
        path, _, name = rest.rpartition("/")
        if (path, name) in self.forbidden:
            return Answer(403, {"message": "no"})
        value = self.secrets.get((path, name, env))
        if value is None:
            return Answer(404, {"message": "not found"})
        return Answer(200, {"secret": {"value": value}, "version": 1})

    def put(self, body):
        if ".." in body["name"]:
            return Answer(400, {"message": "invalid path or name"})
        self.writes.append(body["name"])
        self.secrets[body["path"], body["name"], body["env"]] = body["value"]
        return Answer(201, {"ok": True, "version": 1})


@pytest.fixture
def kms():
    """A running KMS."""
    kms = Kms()
    server = Server(kms)
    kms.url = server.url
    yield kms
    server.stop()


@pytest.fixture
def source(kms):
    """What one invocation uses."""
    clock = FakeClock()
    return connect("hanzo-kms", kms.url, lambda _renew: CREDENTIALS, clock, half)(gate(clock))


def test_read(kms, source):
    """A read takes the names of the path that have a value in the environment."""
    kms.secrets = {
        ("app", "A", "dev"): "${B} is no reference here",
        ("app", "A", "prod"): "p",
        ("app", "ONLY_PROD", "prod"): "p",
        ("app/sub", "S", "dev"): "s",
        ("apple", "LEAK", "dev"): "x",
    }
    assert values(source.read(APP, sub_folders=False)) == {"A": "${B} is no reference here"}
    result = source.read(APP, sub_folders=True)
    assert set(values(result)) == {"A", "S"}
    assert result.origins == {Origin("folder", "dev", "/app/sub")}


@pytest.mark.parametrize("path", [BASE, f"{BASE}/app/A"])
def test_an_answer_that_says_nothing(kms, source, path):
    """A list without rows, and a secret without the field of its value, are trouble that may pass."""
    kms.secrets = {("app", "A", "dev"): "a"}
    kms.empty = path
    with pytest.raises(Temporary, match="not in a form that is known"):
        source.read(APP, sub_folders=False)


def test_root(kms, source):
    """The root folder is the empty path."""
    kms.secrets = {("", "A", "dev"): "1"}
    assert values(source.read(Folder("acme", "dev", "/"), sub_folders=False)) == {"A": "1"}


def test_collision(kms, source):
    """A name that several sub-folders hold is reported and has no value."""
    kms.secrets = {("app", "A", "dev"): "1", ("app/sub", "A", "dev"): "2", ("app", "B", "dev"): "b"}
    result = source.read(APP, sub_folders=True)
    assert result.collisions == {"A": ("/app", "/app/sub")}
    assert values(result) == {"B": "b"}


def test_sub_folders_apart(kms, source):
    """Folder by folder a name that several hold is one secret each, and an error is that of one."""
    kms.secrets = {
        ("app", "A", "dev"): "1",
        ("app/x/y", "A", "dev"): "2",
        ("app/z", "A", "dev"): "3",
    }
    kms.forbidden = {("app/z", "A")}
    result = source.read(APP, sub_folders=True, by_folder=True)
    assert {s.address: s.value.get_secret_value() for s in result.secrets} == {
        "A": "1",
        "x/y/A": "2",
    }
    assert set(result.errors) == {"z/A"}
    assert result.collisions == {}


@pytest.mark.parametrize("folder", [APP, Folder("acme", "qa", "/app")])
def test_empty_is_missing(kms, source, folder):
    """Where there are no folders, a path without secrets is missing, never empty."""
    kms.secrets = {("other", "A", "dev"): "1", ("app", "A", "prod"): "1"}
    with pytest.raises(SourceMissing):
        source.read(folder, sub_folders=False)


def test_forbidden(kms, source):
    """A secret that may not be read is an error for its key; a foreign organisation is one for all."""
    kms.secrets = {("app", "A", "dev"): "1", ("app", "B", "dev"): "2"}
    kms.forbidden = {("app", "B")}
    result = source.read(APP, sub_folders=False)
    assert set(result.errors) == {"B"}
    assert values(result) == {"A": "1"}
    kms.foreign = True
    with pytest.raises(Forbidden):
        source.read(APP, sub_folders=False)


def test_hidden(kms, source):
    """A secret that the list shows in this environment, but that answers 404, is an error for its key."""
    kms.secrets = {("app", "A", "dev"): "1"}
    kms.hidden = {("app", "B", "dev"), ("app", "C", "prod")}
    result = source.read(APP, sub_folders=False)
    assert set(result.errors) == {"B"}
    assert values(result) == {"A": "1"}


def test_names_that_lead_elsewhere(kms, source):
    """A key or path with `..` is an error for its key: no call leaves the folder, none reads another organisation."""
    kms.secrets = {("app", "A", "dev"): "1", ("app/sub", "S", "dev"): "s"}
    kms.hidden = {
        ("app", "..", "dev"),
        ("app", "\ud800", "dev"),
        ("app/../../../rival/secrets/x", "STOLEN", "dev"),
        ("app//sub", "TWICE", "dev"),
        ("app/./sub", "SAME", "dev"),
        ("app/sub", "LINES\n", "dev"),
    }
    result = source.read(APP, sub_folders=True)
    assert set(result.errors) == {"..", "\\ud800", "STOLEN", "TWICE", "SAME", "LINES\n"}
    assert values(result) == {"A": "1", "S": "s"}
    assert all(path == BASE or path.startswith(BASE + "/") for path in kms.read)


@pytest.mark.parametrize("project", ["..", ".", ""])
def test_an_organisation_that_leads_elsewhere(kms, source, project):
    """An organisation called `..` is refused before any call is made with it."""
    with pytest.raises(Refused, match="cannot be a part of a name or path"):
        source.read(Folder(project, "dev", "/app"), sub_folders=False)
    assert kms.read == []


def test_write(kms, source):
    """A write creates what is missing, replaces only if told, and reports each refusal."""
    kms.secrets = {("app", "A", "dev"): "1", ("app", "SAME", "dev"): "s"}
    wanted = {"A": "2", "NEW": "n", "SAME": "s", "..": "x"}
    assert set(source.write(APP, wanted, replace=False)) == {"A", ".."}
    assert set(source.write(APP, wanted, replace=True)) == {".."}
    assert kms.secrets["app", "A", "dev"] == "2"
    assert kms.writes == ["NEW", "A"]


def test_gone(kms, source):
    """A key of a sub-folder is gone when the environment does not have it there any more."""
    lost = Missing(("dev", "/app"), "S", Origin("folder", "dev", "/app/sub"))
    kms.secrets = {("app/sub", "S", "dev"): "s", ("app/sub", "S", "prod"): "p"}
    assert "not readable any more" in source.why_kept(APP, lost, may_ask=True)
    del kms.secrets["app/sub", "S", "dev"]
    assert source.why_kept(APP, lost, may_ask=True) is None
    assert source.why_kept(APP, lost, may_ask=False)
    assert source.why_kept(APP, replace(lost, giver=Origin("import", "dev", "/x")), may_ask=True)
    assert source.why_kept(APP, replace(lost, giver=None), may_ask=True) is None
    kms.foreign = True
    assert source.why_kept(APP, lost, may_ask=True)


def test_ping(kms, source):
    """A ping logs in; rejected credentials are an error."""
    source.ping()
    kms.secret = "rotated"
    clock = FakeClock()
    with pytest.raises(Unauthorized, match="clientSecret"):
        connect("hanzo-kms", kms.url, lambda _renew: CREDENTIALS, clock, half)(gate(clock)).ping()
