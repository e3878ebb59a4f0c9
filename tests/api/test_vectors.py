"""The reference's test vectors T6–T14, by the management API; what is decided otherwise says so."""

import pytest

from functions.plan.models import State
from infra.local.oci.traffic import Fault
from tests.support.api import DESTINATION, SYNCS, body, running_api

OVERWRITE = {"initialSyncBehavior": "overwrite-destination"}


@pytest.fixture
def api():
    """A world of its own, whose folder is empty."""
    with running_api() as api:
        api.source.delete("dev", "/api", "TOKEN")
        yield api


def fill(api, source=(), vault=()):
    """Put values into the folder and the vault."""
    for key, value in dict(source).items():
        api.source.set("dev", "/api", key, value)
    for name, value in dict(vault).items():
        api.vault.seed(name, value.encode())


def own(api, path="/api"):
    """What the folder holds itself."""
    return {secret.key: secret.value for secret in api.source.folders["dev", path].secrets}


def doomed(api):
    """The names that are scheduled for deletion."""
    states = api.vault.states().items()
    return {name for name, state in states if state == State.PENDING_DELETION}


def plan(api, **changes):
    """The plan of a new sync."""
    row = api.create(isEnabled=False, **changes)
    return api.ok("POST", f"{SYNCS}/{row['id']}/plan")["plan"]


@pytest.mark.parametrize(
    ("state", "blocks"),
    [
        *((state, True) for state in ("CREATING", "UPDATING", "DELETING")),
        *((state, True) for state in ("SCHEDULING_DELETION", "CANCELLING_DELETION")),
        *((state, False) for state in ("ACTIVE", "PENDING_DELETION", "DELETED", "FAILED")),
    ],
)
def test_t6_states_that_block(api, state, blocks):
    """T6: any listed secret in a state of transition blocks the sync; decided: it waits and is retried."""
    fill(api, {"A": "1"})
    api.vault.seed("OTHER", b"x", state=State(state))
    assert plan(api)["blocked"] == ([f"OTHER is {state}"] if blocks else [])


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (None, "create"),
        (State.ACTIVE, "update"),
        (State.PENDING_DELETION, "restore"),
        (State.DELETED, "create"),
        (State.FAILED, None),
    ],
)
def test_t6_what_is_done_to_a_wanted_key(api, state, action):
    """T6: by the state of its secret; decided: DELETED is created anew, FAILED is an error, not silence."""
    fill(api, {"A": "1"})
    if state:
        api.vault.seed("A", b"old", state=state)
    found = plan(api)
    assert found["changes"] == ([{"action": action, "name": "A"}] if action else [])
    assert bool(found["errors"]) == (state == State.FAILED)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"keySchema": "X_{{secretKey}}"},
            [("create", "X_C"), ("delete", "X_B"), ("delete", "X_D")],
        ),
        ({"keySchema": "X_{{secretKey}}", "disableSecretDeletion": True}, [("create", "X_C")]),
    ],
)
def test_t7_push_plan(api, options, expected):
    """T7: with a schema only names in scope change; an empty value counts as not wanted."""
    fill(api, {"A": "1", "B": "", "C": "3"}, {"X_A": "1", "X_B": "9", "X_D": "4", "OTHER": "z"})
    api.vault.seed("X_E", b"5", state=State.PENDING_DELETION)
    found = plan(api, syncOptions={**OVERWRITE, **options})
    assert [(change["action"], change["name"]) for change in found["changes"]] == expected


def test_t7_without_a_schema(api):
    """T7: without a schema everything in the vault is in scope."""
    fill(api, {"A": "1"}, {"X_A": "1", "X_B": "9", "X_D": "4", "OTHER": "z"})
    changes = plan(api)["changes"]
    assert changes[0] == {"action": "create", "name": "A"}
    assert {change["name"] for change in changes[1:]} == {"X_A", "X_B", "X_D", "OTHER"}
    assert {change["action"] for change in changes[1:]} == {"delete"}


def test_t8_priority_of_imports(api):
    """T8: the folder's own value wins, then the last import, inside an import its own values."""
    folders = {
        "/n": {"C": "7", "D": "8"},
        "/i1": {"A": "9", "B": "2", "C": "3"},
        "/i2": {"B": "5"},
        "/api": {"A": "1"},
    }
    for path, values in folders.items():
        for key, value in values.items():
            api.source.set("dev", path, key, value)
    for path, imported in (("/i1", "/n"), ("/api", "/i1"), ("/api", "/i2")):
        api.source.add_import("dev", path, "dev", imported)
    api.create()
    assert api.live() == {"A": "1", "B": "5", "C": "3", "D": "8"}


@pytest.mark.parametrize(
    ("behavior", "source", "vault", "deleted"),
    [
        ("overwrite-destination", {"A": "1", "B": "", "D": "4"}, {"A": "1", "D": "4"}, {"B", "C"}),
        (
            "import-prioritize-source",
            {"A": "1", "B": "", "C": "3", "D": "4"},
            {"A": "1", "C": "3", "D": "4"},
            {"B"},
        ),
        (
            "import-prioritize-destination",
            {"A": "9", "B": "2", "C": "3", "D": "4"},
            {"A": "9", "B": "2", "C": "3", "D": "4"},
            set(),
        ),
    ],
)
def test_t9_initial_sync(api, behavior, source, vault, deleted):
    """T9: what source and vault hold after the first sync; the second one imports nothing."""
    fill(api, {"A": "1", "B": "", "D": "4"}, {"A": "9", "B": "2", "C": "3"})
    row = api.create(syncOptions={"initialSyncBehavior": behavior})
    assert row["syncStatus"] == "succeeded"
    assert (own(api), api.live(), doomed(api)) == (source, vault, deleted)
    api.vault.seed("LATER", b"5")
    api.ok("POST", f"{SYNCS}/{row['id']}/sync-secrets")
    assert own(api) == source
    assert "LATER" in doomed(api)


@pytest.mark.parametrize(
    ("behavior", "source"),
    [
        ("prioritize-source", {"A": "1", "B": "", "C": "3", "D": "4"}),
        ("prioritize-destination", {"A": "9", "B": "2", "C": "3", "D": "4"}),
    ],
)
def test_t9_import_action(api, behavior, source):
    """T9: `import-secrets` changes only the source."""
    vault = {"A": "9", "B": "2", "C": "3"}
    fill(api, {"A": "1", "B": "", "D": "4"}, vault)
    row = api.create(isEnabled=False)
    api.ok("POST", f"{SYNCS}/{row['id']}/import-secrets", importBehavior=behavior)
    assert (own(api), api.live()) == (source, vault)


def test_t10_messages_are_sentences(api):
    """T10, decided otherwise: a message names the key and the reason in words, never `{}`."""
    fill(api, {"K": "1"})
    refusal = {"status": 404, "code": "NotAuthorizedOrNotFound", "message": "No such thing."}
    api.cloud.faults.append(Fault("CreateSecret", **refusal))
    message = api.create()["lastSyncMessage"]
    assert message.startswith("1 failed, the others are done. K: ")
    assert "404 NotAuthorizedOrNotFound" in message
    assert "{" not in message


def test_t10_messages_are_cut(api):
    """T10: at most 1,024 characters, the last three being dots."""
    for number in range(6):
        api.vault.seed("K" * 200 + str(number), b"theirs")
    options = body()["syncOptions"] | {"deletionGuard": {"maxPercent": 100, "minCount": 1000}}
    message = api.create(syncOptions=options)["lastSyncMessage"]
    assert len(message) == 1024
    assert message.endswith("...")


_VAULT = "ocid1.vault.oc1.iad.bbpp.abuw"
_KEY = "ocid1.key.oc1.iad.bbpp.abuw"


@pytest.mark.parametrize(
    ("field", "ocid", "is_valid"),
    [
        ("compartmentOcid", "ocid1.compartment.oc1..aaaa", True),
        ("compartmentOcid", "ocid1.tenancy.oc1..aaaa", True),
        ("vaultOcid", _VAULT, True),
        ("keyOcid", _KEY, True),
        ("compartmentOcid", "ocid1.compartment.oc1.", False),
        ("vaultOcid", "ocid1.vaults.oc1.iad.x", False),
        ("keyOcid", "ocid1.key.oc1.", False),
        ("compartmentOcid", "ocid1.compartment.oc2..aaaa", True),
        ("compartmentOcid", "ocid1.compartment.oc19.eu-frankfurt-2.a", True),
        ("vaultOcid", "ocid1.vault.oc2.us-luke-1.x.y", True),
    ],
)
def test_t11_ocids(api, field, ocid, is_valid):
    """T11; decided otherwise: OCIDs of every realm are accepted."""
    sent = body(isEnabled=False, destinationConfig={**DESTINATION, field: f" {ocid} "})
    status, answer = api.call("POST", SYNCS, sent)
    assert status == (200 if is_valid else 422)
    if is_valid:
        assert answer["secretSync"]["destinationConfig"][field] == ocid


def test_t12_slugs(api):
    """T12: lowercase letters, digits and single hyphens between them."""
    for name in ("my-sync", "sync1", "a", "123", "v2-prod", "prod2eu"):
        assert api.create(name=name, isEnabled=False)["name"] == name
    for name in ("My-Sync", "my_sync", "my sync", "a--b", "-a", "prod.eu", "café", "sync2Foo"):
        status, answer = api.call("POST", SYNCS, body(name=name))
        assert (status, answer["message"][0]["path"]) == (422, ["name"])
        assert answer["message"][0]["message"] == (
            "name field can only contain lowercase letters, numbers, and hyphens"
        )


def test_t13_a_refusal_for_good_is_not_retried(api):
    """T13, decided otherwise: what cannot succeed fails at once; what may is tried up to 20 times in hours."""
    fill(api, {"K": "1"})
    api.infisical.masked = True
    row = api.create()
    assert row["syncStatus"] == "failed"
    assert len(api.ok("GET", f"{SYNCS}/{row['id']}/runs")["runs"]) == 1


@pytest.mark.parametrize(
    ("value", "quotes_lines", "expected"),
    [
        ("x${A}y", False, "x1y"),
        ("x${A}y", True, "x1y"),
        ("${prod.api.v1.A}", False, "1"),
        ("${MISSING}", False, "${MISSING}"),
        ("l1\n${A}", True, '"l1\\n1"'),
        ("l1\n${A}", False, "l1\n1"),
        ("l1\nl2", True, "l1\nl2"),
    ],
)
def test_t14_references(api, value, quotes_lines, expected):
    """T14: references are expanded, a missing target stays literal, quoted lines as the reference has them."""
    api.source.set("prod", "/api/v1", "A", "1")
    fill(api, {"A": "1"})
    api.source.set("dev", "/api", "K", value, quotes_lines=quotes_lines)
    api.create()
    assert api.live()["K"] == expected
