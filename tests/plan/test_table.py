import pytest
from pydantic import SecretBytes

from functions.plan.desired import desired_from
from functions.plan.models import BLOCKING, Action, State
from functions.plan.ownership import CONNECTION_OWNER, DIGEST_TAG, OWNER_TAG
from functions.plan.plan import Plan
from functions.plan.table import Planner
from functions.secret_tags import SecretTags
from tests.support.plan_examples import (
    DIGESTS,
    GONE_SYNC,
    OTHER_SYNC,
    OWN_SYNC,
    PROTECTED_ID,
    bundles,
    plan,
    planner,
    secret,
    source,
    steps,
    sync,
    tags,
)

SCHEMA = "X_{{secretKey}}"

BLOCKED = [
    (state, desired_from, [])
    for state in sorted(BLOCKING)
    for desired_from in ("same", "other", None)
]
LIFECYCLE = [
    (None, "same", ["create X_A"]),
    (None, None, []),
    (State.DELETED, "same", ["create X_A"]),
    (State.DELETED, "other", ["create X_A"]),
    (State.DELETED, None, []),
    (State.ACTIVE, "same", []),
    (State.ACTIVE, "other", ["update X_A"]),
    (State.ACTIVE, None, ["delete X_A"]),
    (State.PENDING_DELETION, "same", ["restore X_A"]),
    (State.PENDING_DELETION, "other", ["restore X_A"]),
    (State.PENDING_DELETION, None, []),
    (State.FAILED, "same", []),
    (State.FAILED, "other", []),
    (State.FAILED, None, []),
    *BLOCKED,
]


def planned(state, desired, **options) -> Plan:
    """Plan one secret in a state that holds "same", against what is wanted of it."""
    listing = [] if state is None else [secret("X_A", state, tags=tags("X_A", "same"))]
    values = {} if desired is None else {"A": desired}
    return plan(values, listing, keySchema=SCHEMA, **options)


@pytest.mark.parametrize(("state", "desired", "expected"), LIFECYCLE)
def test_the_lifecycle_table(state, desired, expected):
    """Each state of a secret, wanted and equal, wanted and different, or not wanted, has its action."""
    made = planned(state, desired)
    assert steps(made) == expected
    assert [held.name for held in made.blocked] == (["X_A"] if state in BLOCKING else [])
    fails = state == State.FAILED and desired is not None
    assert list(made.errors) == (["X_A"] if fails else [])


@pytest.mark.parametrize(("state", "desired", "expected"), LIFECYCLE)
def test_without_deletion_the_table_is_the_same_but_for_delete(state, desired, expected):
    """With disableSecretDeletion nothing is deleted, and everything else is done as ever."""
    made = planned(state, desired, disableSecretDeletion=True)
    assert steps(made) == [step for step in expected if step != "delete X_A"]


def test_every_cell_of_the_table_is_tested():
    """The table above holds each state that OCI knows, wanted and not."""
    cells = {(state, desired) for state, desired, _ in LIFECYCLE}
    assert cells >= {(state, desired) for state in State for desired in ("same", "other", None)}


def test_the_reference_example():
    """Push in the reference's example: create, leave equal, delete empty and unwanted, leave others."""
    listing = [
        secret("X_A", tags=tags("X_A", "1")),
        secret("X_B"),
        secret("X_D"),
        secret("X_E", State.PENDING_DELETION),
        secret("OTHER"),
    ]
    values = {"A": "1", "B": "", "C": "3"}
    made = plan(values, listing, keySchema=SCHEMA)
    assert steps(made) == ["create X_C", "delete X_B", "delete X_D"]
    assert made.warnings == ("X_B: not written, as its value in the source is empty",)
    assert (made.unchanged, len(made.in_scope)) == (1, 3)
    assert steps(plan(values, listing, keySchema=SCHEMA, disableSecretDeletion=True)) == [
        "create X_C"
    ]
    assert steps(plan({"A": "1"}, listing)) == [
        "create A",
        "delete OTHER",
        "delete X_A",
        "delete X_B",
        "delete X_D",
    ]


def test_deletions_come_last():
    """Changes are in the order of names, deletions after all others."""
    listing = [secret("A"), secret("C", State.PENDING_DELETION), secret("D")]
    made = plan({"B": "1", "C": "1", "D": "2"}, listing, {"D": "1"})
    assert steps(made) == ["create B", "restore C", "update D", "delete A"]


def test_content_that_was_read_settles_equality():
    """Content that was read counts, whatever the tags promise."""
    right, wrong = (secret("A", tags=tags("A", value)) for value in ("1", "2"))
    assert steps(plan({"A": "1"}, [right], {"A": "1"})) == []
    assert steps(plan({"A": "1"}, [right], {"A": "2"})) == ["update A"]
    assert steps(plan({"A": "1"}, [wrong], {"A": "2"})) == ["update A"]
    assert steps(plan({"A": "1"}, [wrong], {"A": "1"})) == ["tag A"]


def test_tags_of_ones_own_are_mended():
    """An equal secret keeps its content; a tag that is wrong, old or an orphan's is set right."""
    for held in ({"oci-vault-sync": secret("A").id}, tags("A", "2"), tags("A", "1", GONE_SYNC)):
        made = plan({"A": "1"}, [secret("A", tags=held)], {"A": "1"})
        assert steps(made) == ["tag A"]


@pytest.mark.parametrize(
    ("freeform", "owner", "expected"),
    [
        ({}, OWN_SYNC, ["tag A"]),
        ({"team": "other"}, OWN_SYNC, ["tag A"]),
        ({"team": "core", "more": "1"}, OWN_SYNC, []),
        ({}, None, []),
    ],
)
def test_tags_that_people_want_are_mended(freeform, owner, expected):
    """A secret of the sync's own gets the tags that are wanted beside its own; nobody else's does."""
    wanted = SecretTags(freeform_tags={"team": "core"})
    this = Planner(sync(), DIGESTS, [], [], wanted)
    held = secret("A", tags=freeform | (tags("A", "1") if owner else {}))
    made = this.plan(desired_from(source({"A": "1"}), this.schema), [held], bundles(A="1"))
    assert steps(made) == expected


def test_an_equal_secret_that_never_was_ours_is_left_as_it_is():
    """A secret without a sync's tag that holds what is wanted is not even tagged."""
    made = plan({"A": "1"}, [secret("A", tags={"team": "x"})], {"A": "1"})
    assert (steps(made), made.unchanged) == ([], 1)


def test_a_broken_promise_is_drift():
    """A secret whose tags promise what is wanted, but that was changed or deleted, has drifted."""
    promised = tags("A", "1")
    assert plan({"A": "1"}, [secret("A", tags=promised)], {"A": "2"}).drift == ("A",)
    leaving = secret("A", State.PENDING_DELETION, tags=promised)
    assert plan({"A": "1"}, [leaving]).drift == ("A",)
    assert plan({"A": "2"}, [secret("A", tags=promised)], {"A": "1"}).drift == ()
    assert plan({"A": "2"}, [secret("A", State.PENDING_DELETION, tags=promised)]).drift == ()


def test_what_this_run_wrote_is_trusted():
    """A name that this run wrote is neither created nor updated again because a listing is stale."""
    assert steps(plan({"A": "1"}, [], written_by_this_run=["A"])) == []
    assert plan({"A": "1"}, [], written_by_this_run=["A"]).unchanged == 1
    stale = [secret("A", tags=tags("A", "0"))]
    assert steps(plan({"A": "1"}, stale, written_by_this_run=["A"])) == []
    untagged = [secret("A")]
    assert steps(plan({"A": "1"}, untagged, written_by_this_run=["A"])) == []


@pytest.mark.parametrize("state", [*State])
@pytest.mark.parametrize(
    "fields",
    [
        {"id": PROTECTED_ID},
        {"managed_by": "rotation"},
        {"id": PROTECTED_ID, "tags": tags("A", "2")},
        {"managed_by": "replication", "tags": tags("A", "2", OTHER_SYNC)},
        {"tags": {"oci-vault-sync": "connection"}},
    ],
)
def test_protected_secrets_are_never_touched(state, fields):
    """Credentials, connections' keys and what another system manages are an error, or left alone."""
    listing = [secret("A", state, **fields)]
    if state != State.DELETED:
        desired = plan({"A": "1"}, listing, {"A": "2"})
        assert (steps(desired), list(desired.errors)) == ([], ["A"])
        assert desired.errors["A"].endswith("rename the key or the secret")
    unwanted = plan({}, listing)
    assert (steps(unwanted), unwanted.in_scope) == ([], frozenset())
    assert steps(planner().plan_removal(["A"], listing)) == []
    unread = desired_from(source({"A": "1"}), planner().schema)
    assert not planner().must_read(unread, listing, settled=(), unsure=["A"], verify=["A"])


FOREIGN = tags("A", "1", OTHER_SYNC)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.ACTIVE, ["update A"]),
        (State.PENDING_DELETION, ["restore A"]),
        (State.FAILED, []),
        (State.DELETED, ["create A"]),
        *((state, []) for state in sorted(BLOCKING)),
    ],
)
def test_a_secret_of_another_living_sync_is_an_error_and_held(state, expected):
    """What another living sync owns is an error of its key; adopting it is held for `force`."""
    made = plan({"A": "1"}, [secret("A", state, tags=FOREIGN)])
    assert steps(made) == expected
    if state == State.DELETED:
        assert (made.changes[0].held, made.errors) == (None, {})
        return
    assert all(change.held == f"it belongs to the sync {OTHER_SYNC}" for change in made.changes)
    assert "A" in made.errors


def test_an_equal_secret_of_another_living_sync_is_not_adopted_in_silence():
    """Even where another sync's secret holds what is wanted, taking its tag over is held."""
    made = plan({"A": "1"}, [secret("A", tags=FOREIGN)], {"A": "1"})
    assert steps(made) == ["tag A"]
    assert made.changes[0].held
    assert "A" in made.errors


def test_unwanted_secrets_of_another_living_sync_stay():
    """What another living sync owns is never deleted, and does not count as in scope."""
    made = plan({}, [secret("A", tags=FOREIGN), secret("B")])
    assert (steps(made), made.in_scope) == (["delete B"], {"B"})
    assert steps(planner().plan_removal(["A"], [secret("A", tags=FOREIGN)])) == []


def test_an_orphan_is_adopted():
    """The tag of a sync that is gone protects nothing: its secrets are updated, mended and deleted."""
    orphan = tags("A", "1", GONE_SYNC)
    assert steps(plan({"A": "2"}, [secret("A", tags=orphan)])) == ["update A"]
    assert steps(plan({"A": "1"}, [secret("A", tags=orphan)], {"A": "1"})) == ["tag A"]
    assert steps(plan({}, [secret("A", tags=orphan)])) == ["delete A"]


@pytest.mark.parametrize("state", [State.ACTIVE, State.PENDING_DELETION, State.UPDATING])
def test_a_deleted_namesake_does_not_count(state):
    """Where a name is listed twice, the one that is not DELETED counts, wherever it stands."""
    living = secret("A", state, tags=tags("A", "1"))
    dead = secret("A", State.DELETED, id="dead", tags=tags("A", "1"))
    for listing in ([living, dead], [dead, living], [dead, living, dead]):
        assert planner().index(listing) == {"A": living}
        assert "create A" not in steps(plan({"A": "2"}, listing))


def test_of_two_living_namesakes_the_active_one_counts():
    """Should a name be listed twice alive, the ACTIVE secret counts, else the first."""
    active, leaving = secret("A", id="1"), secret("A", State.PENDING_DELETION, id="2")
    failed = secret("A", State.FAILED, id="3")
    for listing in ([active, leaving], [leaving, active]):
        assert planner().index(listing) == {"A": active}
    assert planner().index([leaving, failed]) == {"A": leaving}


@pytest.mark.parametrize("state", sorted(BLOCKING))
def test_any_secret_blocks_unless_the_scope_is_the_schema(state):
    """Any secret in transition blocks; with blockingScope "schema" only names in scope do."""
    listing = [secret("OTHER", state), secret("X_B", state, managed_by="rotation"), secret("X_C")]

    def names(scope):
        made = plan({}, listing, keySchema=SCHEMA, blockingScope=scope)
        return [held.name for held in made.blocked]

    assert names("vault") == ["OTHER", "X_B"]
    assert names("schema") == ["X_B"]


def test_a_key_with_an_error_is_neither_written_nor_deleted():
    """A key that the source could not read, or that OCI would refuse, leaves its secret as it is."""
    listing = [secret("A"), secret("BIG"), secret("C")]
    made = plan({"BIG": "x" * 25_001}, listing, errors={"A": "its reference is not readable"})
    assert steps(made) == ["delete C"]
    assert sorted(made.errors) == ["A", "BIG"]


def test_an_empty_value_is_deleted_but_never_restored_or_created():
    """An empty value counts as not wanted in every state, and is a warning."""
    for state in [None, *State]:
        listing = [] if state is None else [secret("A", state)]
        made = plan({"A": ""}, listing)
        assert steps(made) == (["delete A"] if state == State.ACTIVE else [])
        assert made.warnings == ("A: not written, as its value in the source is empty",)


def test_only_doubtful_secrets_are_read():
    """An event run reads what no tag of this sync and key tells; a verify run all that is wanted."""
    listing = [
        secret("SAME", tags=tags("SAME", "1")),
        secret("OTHER", tags=tags("OTHER", "2")),
        secret("KEYLESS", tags={OWNER_TAG: OWN_SYNC}),
        secret("REKEYED", tags={OWNER_TAG: OWN_SYNC, DIGEST_TAG: "00000000:" + "0" * 64}),
        secret("UNTAGGED"),
        secret("ORPHAN", tags=tags("ORPHAN", "1", GONE_SYNC)),
        secret("FOREIGN", tags=tags("FOREIGN", "1", OTHER_SYNC)),
        secret("RECENT", tags=tags("RECENT", "1")),
        secret("TRUSTED"),
        secret("LEAVING", State.PENDING_DELETION),
        secret("UNWANTED"),
    ]
    names = [held.name for held in listing if held.name != "UNWANTED"]
    desired = desired_from(source({**dict.fromkeys(names, "1"), "NEW": "1"}), planner().schema)

    def read(*, verify):
        found = planner().must_read(
            desired,
            listing,
            settled=["TRUSTED"],
            unsure=["RECENT", "UNWANTED"],
            verify=desired.values if verify else (),
        )
        return {held.name for held in found}

    unclear = {"KEYLESS", "REKEYED", "UNTAGGED", "ORPHAN", "RECENT"}
    assert read(verify=False) == unclear
    assert read(verify=True) == unclear | {"SAME", "OTHER"}


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({OWNER_TAG: OWN_SYNC, DIGEST_TAG: "00000000:" + "0" * 64}, True),
        (tags("A", "2"), True),
        (tags("A", "1"), False),  # it holds what is wanted
        ({OWNER_TAG: OWN_SYNC}, False),
        ({}, False),
        (tags("A", "2", GONE_SYNC), False),
    ],
)
def test_what_may_be_written_unread(given, may):
    """A content that is not handed out is replaced only where this sync's digest tells another value, or nothing."""
    assert planner().may_write_unread(secret("A", tags=given), SecretBytes(b"1")) == may


def test_tags_do_not_settle_the_equality_of_another_name():
    """A digest that was copied from another secret, or by another sync, promises nothing."""
    desired = SecretBytes(b"1")
    this = planner()
    assert this.is_tagged_with(secret("A", tags=tags("A", "1")), desired)
    assert not this.is_tagged_with(secret("B", tags=tags("A", "1")), desired)
    assert not this.is_tagged_with(secret("A", tags=tags("A", "1", OTHER_SYNC)), desired)
    assert this.tags("A", desired) == tags("A", "1")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": PROTECTED_ID}, "the vault secret of this name holds credentials of this function"),
        (
            {"tags": {OWNER_TAG: CONNECTION_OWNER}},
            "the vault secret of this name is the private key of an OCI connection",
        ),
        ({"managed_by": "rotation"}, "the vault secret of this name is under rotation"),
        ({}, None),
    ],
)
def test_why_a_secret_is_protected(fields, why):
    """It is said what protects a secret from every job."""
    assert planner().protected_because(secret("A", **fields)) == why


def test_what_an_edit_of_the_key_schema_left_behind_is_told():
    """What is ACTIVE, carries this sync's tag and is out of its scope is named; nothing of it is done."""
    own = [secret(name, tags=tags(name, "1")) for name in ("OLD_B", "OLD_A", "X_A")]
    others = [
        secret("OLD_C"),
        secret("OLD_D", tags=tags("OLD_D", "1", GONE_SYNC)),
        secret("OLD_E", State.PENDING_DELETION, tags=tags("OLD_E", "1")),
    ]
    made = plan({"A": "1"}, [*own, *others], keySchema=SCHEMA)
    assert made.warnings == ("left behind by an edit, for `cleanup` to take: OLD_A, OLD_B",)
    assert steps(made) == []


def test_a_removal_takes_what_is_ours_and_the_current_names():
    """A removal deletes ACTIVE secrets with this sync's tag or a current name, nobody else's."""
    listing = [
        secret("B"),
        secret("A", tags=tags("A", "1")),
        secret("STRANGER"),
        secret("FOREIGN", tags=tags("FOREIGN", "1", OTHER_SYNC)),
        secret("LEAVING", State.PENDING_DELETION, tags=tags("LEAVING", "1")),
        secret("BUSY", State.UPDATING, tags=tags("BUSY", "1")),
        secret("BUSY_STRANGER", State.UPDATING),
        secret("FAILED", State.FAILED, tags=tags("FAILED", "1")),
    ]
    this = planner(disableSecretDeletion=True)
    made = this.plan_removal(["B", "FOREIGN", "ABSENT"], listing)
    assert steps(made) == ["delete A", "delete B"]
    assert [held.name for held in made.blocked] == ["BUSY"]
    assert all(change.action == Action.DELETE and not change.held for change in made.changes)


def test_contents_of_others_are_not_taken_for_ones_own():
    """Content that was read for one name says nothing about another."""
    this = planner()
    desired = desired_from(source({"A": "1", "B": "1"}), this.schema)
    made = this.plan(desired, [secret("A"), secret("B")], bundles(A="1"))
    assert steps(made) == ["update B"]
