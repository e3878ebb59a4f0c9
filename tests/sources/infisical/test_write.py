import pytest

from functions.errors import Forbidden, SourceMissing
from functions.plan.models import Folder
from functions.sources import connect
from infra.local.http import Answer
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Secret
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half

APP = Folder("project", "dev", "/app")


@pytest.fixture(params=["v4", "v3"])
def server(request):
    """A server with one secret in /app."""
    server = InfisicalServer(FakeClock(), api=request.param)
    server.url = server.start()
    server.source.set("dev", "/app", "OLD", "1")
    yield server
    server.stop()


@pytest.fixture
def source(server):
    """What one invocation uses."""
    infisical = connect("infisical", server.url, lambda _renew: CREDENTIALS, server.clock, half)
    return infisical(gate(server.clock, 600))


def held(server):
    """What /app holds."""
    return {s.key: s.value for s in server.source.folders["dev", "/app"].secrets}


def writes(server):
    """Count the writing calls."""
    batch = "/api/v4/secrets/batch" if server.api == "v4" else "/api/v3/secrets/batch/raw"
    return sum(call.endswith(batch) for call in server.calls)


def test_create_and_update(server, source):
    """With `replace` missing keys are created and differing ones updated, in one call each."""
    assert source.write(APP, {"OLD": "2", "NEW": "n", "EMPTY": ""}, replace=True) == {}
    assert held(server) == {"OLD": "2", "NEW": "n", "EMPTY": ""}
    assert writes(server) == 2


def test_create_only(server, source):
    """Without `replace` a key that holds another value is refused, one that holds it already is done."""
    refused = source.write(APP, {"OLD": "2", "NEW": "n"}, replace=False)
    assert refused == {"OLD": "the source holds the key already, with another value"}
    assert held(server) == {"OLD": "1", "NEW": "n"}
    assert source.write(APP, {"OLD": "1"}, replace=False) == {}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("a:b", "v", "colon"),
        ("a/b", "v", "slash"),
        ("", "v", "blank"),
        (" \u3000", "v", "blank"),
        (" A", "v", "trim the name"),
        ("A", " v", "white space"),
        ("A", "v\t", "white space"),
        ("A", "v\n\n", "white space"),
        ("A", "v\r\n", "white space"),
        ("A", "\ufeffv", "white space"),
        ("A", "x${B}y", "reference"),
    ],
)
def test_foreseen(server, source, key, value, reason):
    """What the source would refuse, trim or expand is refused before it is sent."""
    refused = source.write(APP, {key: value, "GOOD": "g"}, replace=True)
    assert list(refused) == [key]
    assert reason in refused[key]
    assert held(server) == {"OLD": "1", "GOOD": "g"}


@pytest.mark.parametrize("value", ["v\n", "\n", "a\tb", "\x1fv\x1f", "$HOME ${X:-1}", "{}"])
def test_unaltered(server, source, value):
    """What the source keeps as it is, a single last newline included, is written."""
    assert source.write(APP, {"A": value}, replace=True) == {}


def test_one_bad_key_does_not_stop_the_others(server, source):
    """The server takes a batch whole or not at all: the offender is found, the others are written."""
    server.rotated = {"K37"}
    values = {f"K{n}": str(n) for n in range(60)}
    refused = source.write(APP, values, replace=True)
    assert list(refused) == ["K37"]
    assert "the source refused it" in refused["K37"]
    assert set(held(server)) == {"OLD"} | (set(values) - {"K37"})
    assert writes(server) < 20


def test_refusals_are_bounded(server, source):
    """Where everything is refused, the search for single offenders ends."""
    server.rotated = {f"K{n}" for n in range(300)}
    assert len(source.write(APP, dict.fromkeys(server.rotated, "v"), replace=True)) == 300
    assert writes(server) < 100


def test_large_values_are_split(server, source):
    """No body exceeds what the server takes."""
    values = {f"K{n}": "x" * 200_000 for n in range(12)}
    assert source.write(APP, values, replace=True) == {}
    assert len(held(server)) == 13


def test_approval(server, source):
    """A change that was only put up for approval counts as not done."""
    server.approvals = True
    refused = source.write(APP, {"OLD": "2", "NEW": "n"}, replace=True)
    assert set(refused) == {"OLD", "NEW"}
    assert all("approval" in why for why in refused.values())


def test_forbidden(server, source):
    """An identity without permission gets each key back with that reason."""
    server.forbidden = {("dev", "/app")}
    with pytest.raises(Forbidden):
        source.write(APP, {"NEW": "n"}, replace=True)


def test_forbidden_to_write(server, source):
    """Where only writing is forbidden, each key comes back with that reason."""
    body = {"error": "PermissionDenied", "message": "You are not allowed to create on secrets"}
    server.faults = lambda request: Answer(403, body) if "batch" in request.path else None
    refused = source.write(APP, {"NEW": "n"}, replace=True)
    assert "this identity may not write it" in refused["NEW"]


def test_missing_folder(source):
    """Writing into a folder that does not exist says so."""
    with pytest.raises(SourceMissing):
        source.write(Folder("project", "dev", "/nope"), {"A": "1"}, replace=True)


def test_lost_answer(server, source):
    """A write whose answer was lost is not reported as refused when it is repeated."""
    lost = []

    def lose(request):
        if "batch" in request.path and not lost:
            lost.append(1)
            server.source.set("dev", "/app", "NEW", "n")
            return Answer(502, {})
        return None

    server.faults = lose
    assert source.write(APP, {"NEW": "n"}, replace=False) == {}


def test_personal_overrides_are_not_touched(server, source):
    """A personal override is no value of the folder."""
    server.source.add_row("dev", "/app", Secret("MINE", "x", personal=True))
    assert source.write(APP, {"MINE": "shared"}, replace=False) == {}
