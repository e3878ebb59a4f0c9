"""The management API as clients meet it: HTTP through the gateway, the real fdk behind it."""

import json
import re

import pytest

from functions.plan.models import State
from tests.support.api import SYNCS
from tests.support.example_sync import PROJECT
from tests.support.world import running_world


@pytest.fixture(scope="module")
def world():
    """The function under the real fdk, behind the gateway; writing a config sends no event."""
    with running_world() as world:
        world.cloud.objects.on_write = None
        yield world


@pytest.fixture
def call(world):
    """Send a request with the API token; return status and JSON."""
    world.reset()

    def call(method, path, data=None, **headers):
        access = {"authorization": f"Bearer {world.stack.api_token}"}
        content = {"content-type": "application/json"} if data is not None else {}
        raw = json.dumps(data).encode() if isinstance(data, dict) else data or b""
        return world.post(raw, {**access, **content, **headers}, path, method)

    return call


def a_sync(world, **values):
    """A folder with values and a vault for it; return the body of a create request."""
    place = world.sync(values=values)
    world.cloud.objects.remove("sync", f"oci-vault-sync/{place.object}")
    return place, place.config


def test_the_life_of_a_sync(world, call):
    """Create → webhook → vault → import → remove → delete, over HTTP."""
    place, wanted = a_sync(world, A="1")
    status, answer = call("POST", SYNCS, wanted)
    assert (status, answer["secretSync"]["syncStatus"]) == (200, "succeeded")
    path = f"{SYNCS}/{answer['secretSync']['id']}"
    assert place.live == {"A": "1"}
    world.age(10)
    place.set("B", "2")
    assert place.webhook()[0] == 200
    assert place.live == {"A": "1", "B": "2"}
    place.seed("C", b"3")
    status, answer = call("POST", f"{path}/import-secrets?importBehavior=prioritize-source")
    assert answer["secretSync"]["importStatus"] == "succeeded"
    assert world.source.folders["dev", place.folder].get("C").value == "3"
    status, answer = call("POST", f"{path}/remove-secrets")
    assert answer["secretSync"]["removeStatus"] == "succeeded"
    assert set(place.states.values()) == {State.PENDING_DELETION}
    status, answer = call("POST", f"{path}/sync-secrets")
    assert place.live == {"A": "1", "B": "2", "C": "3"}
    status, answer = call("DELETE", f"{path}?removeSecrets=true")
    assert (status, answer["secretSync"]["removeStatus"]) == (200, "succeeded")
    assert call("GET", path)[0] == 404
    assert place.live == {}


def test_errors_over_http(call):
    """Errors have the reference's shape, with a request id of the function call."""
    for method, path, data, status in (
        ("GET", f"{SYNCS}/x", None, 422),
        ("GET", "/api/v1/nothing", None, 404),
        ("GET", "/nothing", None, 404),
        ("PUT", SYNCS, {}, 405),
        ("POST", SYNCS, b"{", 400),
    ):
        got, answer = call(method, path, data)
        assert (got, answer["statusCode"]) == (status, status)
        assert re.fullmatch("req-[A-Za-z0-9]{14}", answer["reqId"])
        assert set(answer) == {"reqId", "statusCode", "message", "error"}
    assert call("GET", SYNCS, authorization="")[0] == 401


def test_a_body_of_7_mb(call):
    """A body that is too large is refused."""
    assert call("POST", SYNCS, b" " * 7_000_000)[0] == 413


def test_a_prefix_of_the_gateway(call):
    """Any path prefix may be in front."""
    assert call("GET", f"/prod/vault-sync{SYNCS}?projectId={PROJECT}")[0] == 200
    assert call("GET", "/prod/healthz", authorization="")[0] == 200


def test_wrong_settings_are_told(world):
    """With wrong settings every call, `/healthz` too, fails with the names of the faulty variables."""
    host = world.stack.host
    good, idle = host._env, host._idle[:]
    host._idle.clear()
    host._env = {**good, "MAX_WORKERS": "many"}
    try:
        status, answer = world.post(b"", {"accept": "*/*"}, "/healthz", "GET")
    finally:
        for container in host._idle:
            container.stop()
        host._env, host._idle[:] = good, idle
    assert status in (500, 503)
    assert "MAX_WORKERS" in answer["message"]
    assert "many" not in answer["message"]
