import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from functions.errors import InvalidInput, Rejected, SyncError
from functions.plan.models import Folder
from functions.triggers.call import Call, Ignored
from functions.triggers.parse import MAX_BODY_BYTES, parse
from functions.triggers.webhook import MAX_AGE_SECONDS, MAX_WEBHOOK_BYTES, Webhook

RECORDINGS = json.loads((Path(__file__).parents[1] / "recordings" / "webhooks.json").read_text())
RECORDED_KEYS = ("webhook-secret-plain-0001", "wh-secret-ünïcode-& 123", "s3cr3t")
KEY = "whsec-test-key"
PATH = "/prefix/webhooks/infisical"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STAMP = int(NOW.timestamp() * 1000)
ABOUT = {"workspaceId": "p", "environment": "dev", "secretPath": "/a"}


def never(renew):
    """Stand in for keys that must not be asked for."""
    raise AssertionError("nothing is to be read")


def keys(*texts):
    """Return webhook keys."""
    return lambda _renew: tuple(map(SecretStr, texts))


def at(stamp_ms):
    """Return the time of a stamp."""
    return datetime.fromtimestamp(stamp_ms / 1000, UTC)


def mac(body, key=KEY):
    """Return the signature of a body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def deliver(body, signature, *, secrets=None, now=NOW, header="x-infisical-signature", **how):
    """Parse a webhook."""
    headers = {header: signature} if signature is not None else {}
    call = Call(body, "POST", PATH, headers) if not how else Call(body, headers=headers, **how)
    return parse(call, secrets or keys(KEY), now)


def signed(now=NOW, key=KEY, stamp=STAMP, **body):
    """Parse a webhook that is signed as it should be."""
    raw = json.dumps({**body, "timestamp": stamp}).encode()
    return deliver(raw, f"t={stamp};{mac(raw, key)}", now=now)


SIGNED = {name: row for name, row in RECORDINGS.items() if row["signature"]}


@pytest.mark.parametrize("name", SIGNED)
def test_recorded_webhooks(name):
    """Each signed webhook that a real server sent is accepted, for the folder that it names."""
    row = SIGNED[name]
    body = json.loads(row["body"])
    project = body["project"]
    now = at(row["received_at_ms"])
    trigger = deliver(
        row["body"].encode(), row["signature"], secrets=keys("no", *RECORDED_KEYS), now=now
    )
    path = "/" + project["secretPath"].strip("/")
    folder = Folder(project["workspaceId"], project["environment"], path)
    assert trigger == Webhook(folder, is_test=body["event"] == "test")


@pytest.mark.parametrize("name", sorted(RECORDINGS.keys() - SIGNED.keys()))
def test_recorded_webhooks_without_a_key(name):
    """A webhook of a real server that has no key is refused, with the way to give it one."""
    row = RECORDINGS[name]
    with pytest.raises(Rejected, match="give it a secret key"):
        deliver(row["body"].encode(), None, secrets=never, now=at(row["received_at_ms"]))


WORKED = (
    '{"event":"secrets.modified","project":{"workspaceId":"7d1f7a4e-0f5b-4d0c-9a3e-4a1f3f1f9b10",'
    '"projectId":"7d1f7a4e-0f5b-4d0c-9a3e-4a1f3f1f9b10","projectName":"payments",'
    '"environment":"prod","environmentName":"Production","secretPath":"/api","changedBy":"ci-bot",'
    '"changedByActorType":"identity"},"timestamp":1760000000000}'
)
WORKED_HEX = "a142822f6630a2e67285c4a23657a6ac40851a650fbae14364b0abe829694705"
UNICODE = (
    '{"event":"test","project":{"workspaceId":"p1","projectId":"p1",'
    '"projectName":"Zahlungen – Größe","environment":"dev","environmentName":"Development",'
    '"secretPath":"/"},"timestamp":1760000000123}'
)
UNICODE_HEX = "1a248a654a58ddb2be85cf7d3fd49fa59d6438d0711b863668e0b0cd5732d4f0"


@pytest.mark.parametrize(
    ("text", "stamp", "mac_hex"),
    [(WORKED, 1760000000000, WORKED_HEX), (UNICODE, 1760000000123, UNICODE_HEX)],
)
def test_worked_examples(text, stamp, mac_hex):
    """The signature is over the raw bytes: re-serialised or escaped bodies do not fit it."""
    signature = f"t={stamp};{mac_hex}"
    assert isinstance(deliver(text.encode(), signature, now=at(stamp)), Webhook)
    again = json.dumps(json.loads(text)).encode()
    assert again != text.encode()
    with pytest.raises(Rejected):
        deliver(again, signature, now=at(stamp))


def test_the_other_header():
    """The header of Hanzo KMS is accepted as well."""
    signature = f"t=1760000000000;{WORKED_HEX}"
    trigger = deliver(WORKED.encode(), signature, now=at(1760000000000), header="x-kms-signature")
    assert isinstance(trigger, Webhook)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        WORKED_HEX,
        f"t=;{WORKED_HEX}",
        f"t=17600000000OO;{WORKED_HEX}",
        f"t=²;{WORKED_HEX}",
        f"t=-1760000000000;{WORKED_HEX}",
        "t=1760000000000",
        "t=1760000000000;",
        f"1760000000000;{WORKED_HEX}",
        f"t={'1' * 17};{WORKED_HEX}",
        f"t={'1' * 400};{WORKED_HEX}",
        f"t={'1' * 5000};{WORKED_HEX}",
    ],
)
def test_malformed_signatures(signature):
    """A signature that is missing or malformed is refused before any key is fetched."""
    with pytest.raises(Rejected):
        deliver(WORKED.encode(), signature, secrets=never, now=at(1760000000000))


@pytest.mark.parametrize(
    "signature",
    [
        f"t=1760000000000;{WORKED_HEX.upper()}",
        f"t=1760000000000;{WORKED_HEX}0",
        f"t=1760000000000;sha256={WORKED_HEX}",
        "t=1760000000000;\udcff",
        f"t=1760000000001;{WORKED_HEX}",
    ],
)
def test_wrong_signatures(signature):
    """A signature that does not fit the body, or a `t` that the body does not hold, is refused."""
    with pytest.raises(Rejected):
        deliver(WORKED.encode(), signature, now=at(1760000000000))


@pytest.mark.parametrize("sign", [1, -1])
def test_age(sign):
    """A webhook is accepted up to five minutes from its time, in both directions, and not beyond."""
    edge = timedelta(seconds=MAX_AGE_SECONDS * sign)
    assert isinstance(signed(NOW + edge, event="test", project=ABOUT), Webhook)
    with pytest.raises(Rejected, match="old or ahead"):
        signed(NOW + edge + timedelta(seconds=sign), event="test", project=ABOUT)


def test_rotation():
    """Any of several keys will do, and keys are fetched anew only where none of the held ones fits."""
    body = WORKED.encode()
    signature, now = f"t=1760000000000;{WORKED_HEX}", at(1760000000000)
    asked = []

    def rotated(renew):
        asked.append(renew)
        return (SecretStr(f" {KEY}\n"),) if renew else (SecretStr("former"),)

    assert isinstance(deliver(body, signature, secrets=rotated, now=now), Webhook)
    assert asked == [False, True]
    assert isinstance(deliver(body, signature, secrets=keys("x", KEY), now=now), Webhook)
    with pytest.raises(Rejected):
        deliver(body, signature, secrets=keys(), now=now)


@pytest.mark.parametrize("stamp", [True, None, float(STAMP), str(STAMP), STAMP + 1])
def test_the_stamp_in_the_body(stamp):
    """The signed body itself must hold the time of the header: else `t` would be anybody's."""
    raw = json.dumps({"event": "test", "project": ABOUT, "timestamp": stamp}).encode()
    if stamp == STAMP:
        assert deliver(raw, f"t={STAMP};{mac(raw)}")
    else:
        with pytest.raises(Rejected):
            deliver(raw, f"t={STAMP};{mac(raw)}")


@pytest.mark.parametrize(
    ("path", "folder"),
    [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("a/b", "/a/b"), ("//a//", "/a")],
)
def test_the_path_of_a_webhook(path, folder):
    """A path is absolute and without a trailing slash, however it was written."""
    trigger = signed(event="secrets.modified", project={**ABOUT, "secretPath": path})
    assert trigger == Webhook(Folder("p", "dev", folder), is_test=False)


def test_the_project_of_a_webhook():
    """A newer server names the project `projectId` only."""
    project = {"projectId": "q", "environment": "dev", "secretPath": "/"}
    assert signed(event="secrets.modified", project=project).folder.project_id == "q"


@pytest.mark.parametrize(
    "event", ["secrets.rotation-failed", "honey-token.triggered", "x", None, 5, ["test"]]
)
def test_other_events_of_the_source(event):
    """An event of the source that tells of no changed secret asks for nothing."""
    assert isinstance(signed(event=event, project={}), Ignored)


@pytest.mark.parametrize("part", ["workspaceId", "environment", "secretPath"])
@pytest.mark.parametrize("value", ["", None, 1, ["/a"]])
def test_a_webhook_that_names_no_folder(part, value):
    """A signed webhook must name project, environment and path as text."""
    with pytest.raises(InvalidInput, match="names no project"):
        signed(event="secrets.modified", project={**ABOUT, part: value})


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"1", b"{", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object(body):
    """A signed body that is no JSON object is refused."""
    with pytest.raises(InvalidInput):
        deliver(body, f"t={STAMP};{mac(body)}")


def test_the_size_of_a_webhook():
    """A webhook that is too large is refused before it is hashed."""
    with pytest.raises(InvalidInput, match="at most"):
        deliver(b"x" * (MAX_WEBHOOK_BYTES + 1), "t=1;x", secrets=never)


@pytest.mark.parametrize("method", [None, "POST"])
def test_the_size_of_a_body(method):
    """Any body that is too large is refused at once."""
    with pytest.raises(InvalidInput, match="larger than"):
        parse(Call(b" " * (MAX_BODY_BYTES + 1), method, PATH), never, NOW)


@pytest.mark.parametrize("url", ["/webhooks/infisical", "/x/webhooks/infisical/", f"{PATH}?a=b"])
def test_the_place_of_a_webhook(url):
    """A webhook comes by POST below any prefix, with or without query and trailing slash."""
    raw = WORKED.encode()
    headers = {"x-infisical-signature": f"t=1760000000000;{WORKED_HEX}"}
    found = parse(Call(raw, "POST", url, headers), keys(KEY), at(1760000000000))
    assert isinstance(found, Webhook)
    with pytest.raises(InvalidInput, match="by POST"):
        parse(Call(raw, "GET", url, headers), never, NOW)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["event", "project"]), VALUES), st.text())
def test_any_signed_body(body, header):
    """Whatever a source signs is a trigger or refused; so is every signature."""
    raw = json.dumps({**body, "timestamp": STAMP}).encode()
    for signature in (f"t={STAMP};{mac(raw)}", header):
        with suppress(SyncError):
            assert deliver(raw, signature)
