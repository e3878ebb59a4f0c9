"""The simulated server, where the adapter's tests do not look."""

import hashlib
import hmac
import json
import queue

import pytest
import urllib3

from functions.calls.clock import SystemClock
from infra.local.http import Answer, Server
from infra.local.infisical.server import InfisicalServer

SECRET = "wh-secret-ünïcode-& 123"


@pytest.fixture
def hooks():
    """A webhook receiver: a queue of the requests it gets, and its answers' statuses."""
    received, statuses = queue.Queue(), []

    def serve(request):
        received.put(request)
        return Answer(statuses.pop(0) if statuses else 200)

    server = Server(serve)
    received.url, received.statuses = f"{server.url}/webhooks/infisical", statuses
    yield received
    server.stop()


@pytest.fixture
def infisical(hooks):
    """A server that notifies the receiver at once."""
    server = InfisicalServer(
        SystemClock(), webhook_url=hooks.url, webhook_secret=SECRET, webhook_delay_seconds=0.01
    )
    server.url = server.start()
    yield server
    server.stop()


def places(hooks, count):
    """The places of the next `count` events."""
    bodies = [json.loads(hooks.get(timeout=5).body)["project"] for _ in range(count)]
    return [(body["environment"], body["secretPath"]) for body in bodies]


def test_signature(infisical, hooks):
    """An event is signed as the real server signs: over the raw body, with its own time in it."""
    infisical.source.set("dev", "/app", "A", "geheim")
    request = hooks.get(timeout=5)
    stamp, _, mac = request.headers["x-infisical-signature"].partition(";")
    assert mac == hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    body = json.loads(request.body)
    assert stamp == f"t={body['timestamp']}"
    assert body["event"] == "secrets.modified"
    assert body["project"]["workspaceId"] == body["project"]["projectId"] == "project"
    assert b"geheim" not in request.body


def test_burst(infisical, hooks):
    """Changes of one folder within the delay share an event."""
    for n in range(20):
        infisical.source.set("dev", "/app", f"K{n}", "v")
    assert places(hooks, 1) == [("dev", "/app")]


def test_dependents(infisical, hooks):
    """Folders that import or refer to a changed folder get events of their own."""
    infisical.webhooks.url = None
    infisical.source.set("dev", "/base", "A", "1")
    infisical.source.set("prod", "/user", "B", "${dev.base.A}")
    infisical.source.add_import("dev", "/importer", "dev", "/base")
    infisical.webhooks.url = hooks.url
    infisical.source.set("dev", "/base", "A", "2")
    assert set(places(hooks, 3)) == {("dev", "/base"), ("dev", "/importer"), ("prod", "/user")}


def test_retry(infisical, hooks):
    """An event that the receiver answers with 5xx is repeated byte by byte."""
    infisical.webhooks.retries_after_seconds = (0.01,)
    hooks.statuses.append(500)
    infisical.webhooks.test("dev", "/**")
    first, second = hooks.get(timeout=5), hooks.get(timeout=5)
    assert first.body == second.body
    assert json.loads(first.body)["event"] == "test"
    assert [delivery.status for delivery in infisical.webhooks.deliveries] == [500, 200]


@pytest.fixture
def call(infisical):
    """Calls of the server's API, logged in."""
    with urllib3.PoolManager() as pool:

        def call(method, target, /, **body):
            answer = pool.request(method, infisical.url + target, json=body, headers=headers)
            return answer.status, answer.json()

        headers = {}
        login = {"clientId": "client", "clientSecret": "client-secret"}
        _, token = call("POST", "/api/v1/auth/universal-auth/login", **login)
        headers["Authorization"] = f"Bearer {token['accessToken']}"
        yield call


def test_single_writes(infisical, call):
    """The routes for one secret create, update and delete it."""
    here = {"projectId": "project", "environment": "dev", "secretPath": "/"}
    path = "/api/v4/secrets/A"
    assert call("PATCH", path, **here, secretValue="1")[0] == 404
    assert call("POST", path, **here, secretValue=" 1 \n")[0] == 200
    assert call("POST", path, **here, secretValue="1")[0] == 400
    assert infisical.source.folders["dev", "/"].get("A").value == "1\n"
    assert call("PATCH", path, **here, secretValue="2")[0] == 200
    assert call("DELETE", path, **here)[0] == 200
    assert infisical.source.folders["dev", "/"].secrets == []


def test_folders_come_and_go(infisical, call):
    """A folder is created with its parents, again without an error, and deleted with what is below it."""
    here = {"projectId": "project", "environment": "dev"}
    for _ in range(2):
        assert call("POST", "/api/v2/folders", **here, path="/a/b", name="c")[0] == 200
    assert {path for _, path in infisical.source.folders} == {"/", "/a", "/a/b", "/a/b/c"}
    assert call("DELETE", "/api/v2/folders/b", **here, path="/a")[0] == 200
    assert {path for _, path in infisical.source.folders} == {"/", "/a"}
    assert call("DELETE", "/api/v2/folders/b", **here, path="/a")[0] == 404
    assert call("POST", "/api/v2/folders", **here, path="/", name="bad name!")[0] == 500
    elsewhere = here | {"environment": "qa"}
    assert call("POST", "/api/v2/folders", **elsewhere, path="/", name="c")[0] == 404
