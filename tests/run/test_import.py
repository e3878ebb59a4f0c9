"""Which secrets of the vault may be imported, and what reading them comes to."""

from types import SimpleNamespace

import pytest
from pydantic import SecretBytes, SecretStr

from functions.errors import ContentRefused, Forbidden, NotFound, OutOfTime, Refused
from functions.plan.models import Bundle, Origin, SourceSecret, SourceSecrets, State
from functions.plan.ownership import OWNER_TAG
from functions.plan.scope import scope_of
from functions.run.import_secrets import INITIAL, to_be_imported
from functions.run.importable import homes_of, may_import, read_importable
from functions.run.observe import Observed
from functions.state.status import Pending, Status
from tests.support.plan_examples import (
    GONE_SYNC,
    OTHER_SYNC,
    OWN_SYNC,
    PROTECTED_ID,
    planner,
    secret,
    sync,
    tags,
)

SCHEMA = "P_{{secretKey}}"


def importable(*listing, keys=(), errors=(), replace=False, which="a job", schema=SCHEMA):
    """Return the names that may be imported into a source with these keys."""
    secrets = tuple(SourceSecret(key, SecretStr("1")) for key in keys)
    return names(secrets, dict.fromkeys(errors, "unknown"), listing, replace, which, schema)


def names(secrets, errors, listing, replace, which, schema):
    """Return the names that may be imported into this source."""
    this, observed = planner(keySchema=schema), Observed(SourceSecrets(secrets, errors), listing)
    homes = homes_of(this, observed)
    return [
        one.name
        for one in may_import(this, observed, homes, replace=replace, is_first=which == INITIAL)
    ]


def test_what_the_source_lacks_is_imported_in_order():
    """What is ACTIVE, in scope and not in the source is imported, in the order of names."""
    listing = [secret("P_B"), secret("P_A"), secret("Q_C"), secret("P_D")]
    assert importable(*listing, keys=["D"]) == ["P_A", "P_B"]


def test_what_the_source_holds_is_imported_only_to_replace_it():
    """With `replace` what the source holds, or holds without a known value, is imported too."""
    listing = [secret("P_A"), secret("P_B")]
    assert importable(*listing, keys=["A"], errors=["B"]) == []
    assert importable(*listing, keys=["A"], errors=["B"], replace=True) == ["P_A", "P_B"]


@pytest.mark.parametrize("state", sorted(set(State) - {State.ACTIVE}))
def test_what_is_not_active_is_not_imported(state):
    """Only what is ACTIVE is imported."""
    assert importable(secret("P_A", state)) == []


@pytest.mark.parametrize(
    ("found", "is_first", "is_later"),
    [
        (secret("P_A"), True, True),
        (secret("P_A", tags={OWNER_TAG: OWN_SYNC}), True, True),  # it was claimed, never written
        (secret("P_A", tags=tags("P_A", "1")), False, True),
        (secret("P_A", tags=tags("P_A", "1", owner=GONE_SYNC)), True, True),
        (secret("P_A", tags=tags("P_A", "1", owner=OTHER_SYNC)), False, False),
        (secret("P_A", id=PROTECTED_ID), False, False),
        (secret("P_A", managed_by="rotation"), False, False),
    ],
)
def test_whose_secrets_are_imported(found, is_first, is_later):
    """The initial import takes nothing that the sync wrote; no import takes what is another's or protected."""
    assert bool(importable(found, which=INITIAL)) == is_first
    assert bool(importable(found)) == is_later


def test_a_name_that_would_not_come_back_is_not_imported():
    """A name whose key would be pushed to another name is not imported."""
    schema = "{{secretKey}}_X_{{secretKey}}"
    assert importable(secret("A_X_A"), secret("A_X_B"), schema=schema) == []
    assert importable(secret("P_A"), schema="{{secretKey}}") == ["P_A"]


def test_what_an_import_of_the_source_shows_counts_as_held():
    """A key that the folder shows through an import is in the source."""
    shared = SourceSecret("A", SecretStr("1"), Origin("import", "prod", "/shared"))
    assert names((shared,), {}, [secret("P_A")], False, "a job", SCHEMA) == []


class Reader:
    """Answers for the contents of secrets."""

    def __init__(self, planner, answers):
        self.planner = lambda _: planner
        self._answers = answers

    def read(self, secrets):
        """Return contents, why some are not handed out, and what kept others from it."""
        found = {one.name: self._answers[one.name] for one in secrets}
        late = next((why for why in found.values() if isinstance(why, OutOfTime)), None)
        contents = {
            name: Bundle(SecretBytes(content), 1)
            for name, content in found.items()
            if isinstance(content, bytes)
        }
        refusals = {
            name: why for name, why in found.items() if isinstance(why, Refused) and why is not late
        }
        return contents, refusals, late


def what_is_read(answers, source=(), *, replace=False, **options):
    """Return what was read of secrets of the vault, given what the source holds."""
    this, secrets = planner(**options), [secret(name) for name in answers]
    observed = Observed(SourceSecrets(tuple(source)), secrets)
    homes, reader = homes_of(this, observed), Reader(this, answers)
    return read_importable(reader, observed, homes, secrets, replace=replace)


def key(name, value="1", **where):
    """Return a key of the source."""
    return SourceSecret(name, SecretStr(value), **where)


def written(found):
    """Return what is to be written to the source."""
    return {address: value.get_secret_value() for address, value in found.values.items()}


@pytest.mark.parametrize(
    ("answers", "is_blind"),
    [
        ({"A": NotFound("x")}, True),
        ({"A": NotFound("x"), "B": Forbidden("x")}, True),
        ({"A": NotFound("x"), "B": ContentRefused("x")}, False),
        ({"A": NotFound("x"), "B": b"text"}, False),
        ({"A": b"text"}, False),
    ],
)
def test_a_permission_may_be_missing(answers, is_blind):
    """Where nothing is read and nothing refused for its own sake, that is rather for want of a permission."""
    assert what_is_read(answers).is_blind == is_blind


def test_what_time_did_not_suffice_for_is_not_done_with():
    """What could not be read for want of time is neither imported nor refused: it is read again."""
    found = what_is_read({"A": b"text", "B": OutOfTime("x"), "C": NotFound("x")})
    assert (sorted(found.names), found.refused.keys()) == (["A", "C"], {"C"})
    assert isinstance(found.failure, OutOfTime)


def test_what_need_not_be_written_is_done_with():
    """A value that the source holds already, and an empty one, are not written, and not refused."""
    found = what_is_read({"A": b"1", "B": b"2", "C": b""}, [key("A"), key("B")], replace=True)
    assert (written(found), found.refused) == ({"B": "2"}, {})
    assert sorted(found.names) == ["A", "B", "C"]


@pytest.mark.parametrize("source", [[], [key("A")]])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (NotFound("hidden"), "its content in the vault cannot be read: hidden"),
        (b"\xff", "its content is not text, so the source cannot hold it"),
    ],
)
def test_what_cannot_be_imported_says_why(content, why, source):
    """What is not handed out, or is no text, is refused with its reason, and whether the source held the key."""
    found = what_is_read({"A": content}, source, replace=True)
    assert found.refused == {"A": Pending(why=why, was_in_source=bool(source))}


BELOW = Origin("folder", "prod", "/api/sub")
BESIDE = Origin("import", "prod", "/shared")


REFUSED = Pending(
    why="the source holds it in a sub-folder, with another value; change it there",
    was_in_source=True,
)


@pytest.mark.parametrize(
    ("held", "to_write", "refused"),
    [
        (key("A", "old", origin=BELOW), {}, {"A": REFUSED}),
        (key("A", "new", origin=BELOW), {}, {}),
        (key("A", "old", origin=BESIDE), {"A": "new"}, {}),
        (key("A", "old"), {"A": "new"}, {}),
    ],
)
def test_what_a_sub_folder_holds_is_changed_there(held, to_write, refused):
    """A key that a flat sync has from a sub-folder, with another value, is not written beside it."""
    found = what_is_read({"A": b"new"}, [held], replace=True)
    assert (written(found), found.refused) == (to_write, refused)


BY_FOLDER = {"keySchema": "{{folderPath}}_{{secretKey}}", "includeAllSubFolders": True}


def test_what_a_sub_folder_of_its_own_name_holds_is_written_there():
    """Where sub-folders are told apart, a key of one of them is a key like any other."""
    held = [key("A", "old"), key("A", "old", origin=BELOW, folder="sub")]
    found = what_is_read({"A": b"new", "sub_A": b"new"}, held, replace=True, **BY_FOLDER)
    assert (written(found), found.refused) == ({"A": "new", "sub/A": "new"}, {})


def test_where_a_name_belongs():
    """A name is that of the key that is pushed to it, else one of the sub-folder whose path it begins with."""
    held = [key("A", folder="one/two"), key("two_B", folder="one")]
    names = ("one_two_A", "one_two_B", "one_two_C", "one_C", "C")
    observed = Observed(SourceSecrets(tuple(held)), [secret(name) for name in names])
    homes = ("one/two/A", "one/two_B", "one/two/C", "one/C", "C")
    assert homes_of(planner(**BY_FOLDER), observed) == dict(zip(names, homes, strict=True))


NO_BUNDLE = Pending(why="its content is neither a JSON object of texts nor in the format env")


@pytest.mark.parametrize(
    ("content", "replace", "expected", "refused"),
    [
        (b'{"A": "2", "B": "", "C": "1"}', False, {"B": ""}, {}),
        (b'{"A": "2", "B": "", "C": "1"}', True, {"A": "2", "B": ""}, {}),
        (b"[]", True, {}, {"P": NO_BUNDLE}),
    ],
)
def test_an_import_of_a_bundle(content, replace, expected, refused):
    """Of a bundle each key is imported that the source lacks, empty or not; what is no bundle is refused."""
    bundle = {"name": "P", "format": "json"}
    source = [key("A"), key("C")]
    found = what_is_read({"P": content}, source, replace=replace, bundle=bundle)
    assert (written(found), found.refused) == (expected, refused)


PLAIN = {"keySchema": SCHEMA}
HERE = scope_of(sync(**PLAIN).config)
MOVED = Status(is_import_done=True, scope=HERE.model_copy(update={"vault_ocid": "another"}))


@pytest.mark.parametrize(
    ("behavior", "known", "taken"),
    [
        ("import-prioritize-destination", MOVED, {"P_A", "P_C"}),
        ("import-prioritize-source", MOVED, {"P_C"}),
        ("overwrite-destination", MOVED, set()),
        ("import-prioritize-destination", Status(scope=HERE), set()),
        ("import-prioritize-destination", Status(is_import_done=True), set()),
    ],
)
def test_what_the_initial_import_will_take(behavior, known, taken):
    """A plan says what the import takes first: once for each place, and nothing that the sync wrote there before."""
    config = sync(initialSyncBehavior=behavior, **PLAIN).config
    reader = SimpleNamespace(planner=lambda _: planner(**PLAIN))
    listing = [secret("P_A"), secret("P_B", tags=tags("P_B", "1")), secret("P_C"), secret("Q")]
    observed = Observed(SourceSecrets((key("A", "new"), key("B", "new"))), listing)
    assert to_be_imported(known, config, reader, observed) == taken
