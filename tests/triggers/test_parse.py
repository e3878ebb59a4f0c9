import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.errors import InvalidInput, SyncError
from functions.triggers.call import ApiRequest, Call, Ignored, Tick
from functions.triggers.command import Command
from functions.triggers.oci_event import ResourceEvent
from functions.triggers.parse import parse

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def never(renew):
    """Stand in for keys that must not be asked for."""
    raise AssertionError("nothing is to be read")


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        (
            "/api/v1/secret-syncs?projectId=p&x=",
            "/api/v1/secret-syncs",
            {"projectId": "p", "x": ""},
        ),
        ("/stage/api/v1/x/", "/stage/api/v1/x", {}),
        ("", "/", {}),
        ("/webhooks", "/webhooks", {}),
        ("/webhooks/infisical/x", "/webhooks/infisical/x", {}),
    ],
)
def test_other_http_requests(url, path, query):
    """Any HTTP request but the webhook's goes to the routes as it is; nobody is authenticated here."""
    call = Call(b"{}", "PATCH", url, {"authorization": "Bearer x"})
    found = parse(call, never, NOW)
    assert found == ApiRequest("PATCH", path, query, call.headers, b"{}")


def direct(body):
    """Parse a call without HTTP intent."""
    return parse(Call(body if isinstance(body, bytes) else json.dumps(body).encode()), never, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n ",
        {"command": "tick"},
        {"type": "OK_TO_FIRING"},
        {"type": "REPEAT", "alarmMetaData": [], "dedupeKey": "x", "version": 1.5},
        {"Type": "REPEAT"},
    ],
)
def test_ticks(body):
    """An empty body, the scheduler's command and a firing alarm are ticks."""
    assert direct(body) == Tick()


@pytest.mark.parametrize("kind", ["FIRING_TO_OK", "RESET"])
def test_alarms_that_are_no_ticks(kind):
    """An alarm that stops firing asks for nothing."""
    assert isinstance(direct({"type": kind}), Ignored)


def test_commands():
    """A command says what, for which sync, and how."""
    found = direct({"command": "import", "sync": "x", "importBehavior": "prioritize-destination"})
    assert isinstance(found, Command)
    assert found.args.import_behavior == "prioritize-destination"
    forced = direct({"command": "sync", "sync": "x", "force": "0123456789abcdef"})
    assert (forced.args.force, forced.args.import_behavior) == ("0123456789abcdef", None)
    assert direct({"command": "drain"}).command == "drain"


@pytest.mark.parametrize(
    "body",
    [
        {"command": "nothing"},
        {"command": None},
        {"command": "sync", "sync": ""},
        {"command": "sync", "sync": "x", "force": "geheim"},
        {"command": "sync", "sync": "x", "importBehavior": "geheim"},
        {"command": "sync", "sync": "x", "geheim": "y"},
    ],
)
def test_wrong_commands(body):
    """A wrong command is refused with the field's name, without echoing what was given."""
    with pytest.raises(InvalidInput, match="The command is wrong") as caught:
        direct(body)
    assert "geheim" not in str(caught.value).replace("geheim: Extra", "")


@pytest.mark.parametrize("body", [{}, {"x": 1}, {"type": "other"}, {"type": ["REPEAT"]}])
def test_what_is_nothing(body):
    """A body that is no command, event or alarm is refused with an example of a command."""
    with pytest.raises(InvalidInput, match='"command": "sync"'):
        direct(body)


@pytest.mark.parametrize("key", ["eventType", "EventType", "eventtype"])
def test_resource_events(key):
    """A CloudEvent of OCI is read whatever the case of its fields."""
    body = {
        key: "com.oraclecloud.objectstorage.CreateObject",
        "eventTime": "2026-01-02T03:04:05Z",
        "data": {
            "compartmentId": "c",
            "resourceName": "a/b.json",
            "additionalDetails": {"bucketName": "b", "namespace": "n", "size": 1},
        },
    }
    assert direct(body) == ResourceEvent(
        type="com.oraclecloud.objectstorage.createobject",
        resource_name="a/b.json",
        compartment_id="c",
        details={"bucketName": "b", "namespace": "n", "size": "1"},
    )


@pytest.mark.parametrize("data", [None, [], "x", {}, {"additionalDetails": []}])
def test_incomplete_resource_events(data):
    """An event without its details is read as far as it goes."""
    found = direct({"eventType": "x", "data": data, "eventTime": "yesterday"})
    assert found == ResourceEvent("x", "", "", {})


QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["command", "eventType", "type", "data", "sync", "force", "eventTime"])


@QUICK
@given(st.binary() | st.dictionaries(FIELDS, VALUES).map(lambda body: json.dumps(body).encode()))
def test_any_body(body):
    """Whatever comes is a trigger or refused with an error of this project; nothing else is raised."""
    with suppress(SyncError):
        assert direct(body)
