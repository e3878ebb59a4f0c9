"""Each payload of tests/payloads, as OCI and the source send it, is the trigger that it should be."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import get_args

import pytest
from pydantic import SecretStr

from functions.calls.clock import SystemClock
from functions.plan.models import Folder
from functions.triggers.call import ApiRequest, Call, Ignored, Tick
from functions.triggers.command import Command
from functions.triggers.oci_event import ResourceEvent
from functions.triggers.parse import parse
from functions.triggers.webhook import Webhook
from infra.local import messages
from tests.support.payloads import NAMES, call, payload

KEY = "the key of the webhook"
PROJECT = "3c4b6d1e-0000-4000-8000-000000000001"
CONFIG = f"oci-vault-sync/secret-syncs/{PROJECT}/sync-1.json"
COMPARTMENT = "ocid1.compartment.oc1..local"
COMMANDS = [name for name in NAMES if name.startswith("command-") and name != "command-api"]
EXPECTED = {
    "webhook": Webhook(Folder(PROJECT, "dev", "/api"), is_test=False),
    "webhook-early-version": Webhook(Folder(PROJECT, "dev", "/api"), is_test=False),
    "webhook-hanzo-kms": Webhook(Folder(PROJECT, "dev", "/api"), is_test=False),
    "webhook-test": Webhook(Folder(PROJECT, "dev", "/**"), is_test=True),
    "webhook-other-event": Ignored("only secrets.modified asks for a sync"),
    "alarm-ok-to-firing": Tick(),
    "alarm-repeat": Tick(),
    "alarm-firing-to-ok": Ignored("the alarm stopped firing"),
    "alarm-reset": Ignored("the alarm stopped firing"),
    "resource-scheduler": Tick(),
    "command-tick": Tick(),
}


def parsed(name):
    """Parse a payload at its own time; a webhook is signed, as the placeholder in its file says."""
    given = call(name)
    stamp = 0
    if name.startswith("webhook"):
        stamp = json.loads(given.body)["timestamp"]
        mac = hmac.new(KEY.encode(), given.body, hashlib.sha256).hexdigest()
        (header,) = (header for header in given.headers if header.endswith("-signature"))
        headers = {**given.headers, header: f"t={stamp};{mac}"}
        given = Call(given.body, given.method, given.url, headers)
    return parse(given, lambda _renew: (SecretStr(KEY),), datetime.fromtimestamp(stamp / 1000, UTC))


@pytest.mark.parametrize("name", EXPECTED)
def test_payloads(name):
    """A webhook is for its folder, a firing alarm and a scheduler's body tick, the rest asks for nothing."""
    assert parsed(name) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("object-")])
def test_object_events(name):
    """The event of an object names bucket, namespace and object."""
    event = parsed(name)
    action = name.removeprefix("object-").removesuffix("d")
    assert isinstance(event, ResourceEvent)
    assert event.type == f"com.oraclecloud.objectstorage.{action}object"
    assert (event.resource_name, event.compartment_id) == (CONFIG, COMPARTMENT)
    assert (event.details["bucketName"], event.details["namespace"]) == ("sync", "local")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("vault-")])
def test_vault_events(name):
    """The event of a secret names its compartment, and its type in lower case."""
    event = parsed(name)
    assert event.type.startswith("com.oraclecloud.vaultsecret.")
    assert event.type == event.type.lower()
    assert event.compartment_id == COMPARTMENT


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - EXPECTED.keys()))
def test_commands(name):
    """A command is taken with all that its payload says."""
    command, body = parsed(name), payload(name)
    assert isinstance(command, Command)
    assert command.model_dump(by_alias=True, exclude_unset=True) == body


def test_each_command_has_a_payload():
    """There is a payload for each command, and it is named after the command."""
    known = get_args(Command.model_fields["command"].annotation)
    assert {f"command-{name}" for name in known} == set(COMMANDS)
    assert {payload(name)["command"] for name in COMMANDS} == set(known)


def test_a_call_of_the_api_by_command():
    """A command may carry a call of the API, which IAM has authenticated then."""
    request, by_gateway = parsed("command-api"), parsed("api-call")
    assert request.by_iam
    assert not by_gateway.by_iam
    for part in ("method", "path", "query"):
        assert getattr(request, part) == getattr(by_gateway, part)
    assert json.loads(request.body) == json.loads(by_gateway.body)


def test_api_call():
    """A call of the API keeps method, path, query, headers and body."""
    request = parsed("api-call")
    assert isinstance(request, ApiRequest)
    assert (request.method, request.query) == ("PATCH", {"x": "1"})
    assert request.path == "/api/v1/secret-syncs/oci-vault/877b4058-1ca9-5f0f-8728-48b24a4ea0f3"
    assert request.headers["authorization"] == "Bearer token"
    assert json.loads(request.body) == {"description": "changed"}


def test_the_local_stack_sends_the_same():
    """The messages of the local stack have the form of the payloads."""
    clock = SystemClock()
    alarm = json.loads(messages.alarm(clock, first=False))
    event = json.loads(messages.object_event(clock, CONFIG))
    assert alarm.keys() == payload("alarm-repeat").keys()
    assert event.keys() == payload("object-updated").keys()
    assert event["data"].keys() == payload("object-updated")["data"].keys()
