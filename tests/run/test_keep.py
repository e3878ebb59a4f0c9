"""What one plan may not do unless a person forces it, and what is remembered of where keys came from."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretBytes, SecretStr

from functions.plan.bundle import KeyChanges
from functions.plan.desired import desired_from
from functions.plan.kept import KeyMemory
from functions.plan.models import Action, Change, Origin, SourceSecret, SourceSecrets
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import Plan
from functions.plan.scope import MAY_NOT_DELETE, NOWHERE, scope_of
from functions.run.keep import Keeper, keys_after, keys_before
from functions.state.memory import Memory
from functions.state.status import Pending
from tests.support.plan_examples import NOW, planner, secret, sync, tags

SCHEMA = "P_{{secretKey}}"
SHARED = Origin("import", "prod", "/shared")
GIVEN = KeyMemory(origin=str(SHARED))
HIDDEN = "it hides"


class Source:
    """A source that keeps what it is asked of, and says the same of everything."""

    def __init__(self, why):
        self.why = why
        self.asked = []

    def why_kept(self, folder, missing, *, may_ask):
        self.asked.append((folder.path, missing.key, missing.giver, may_ask))
        return self.why


def a_keeper(memory=None, *, keys=(), why=HIDDEN, asked_before=(), permitted=None, **options):
    """Return a keeper of the sync whose folder shows these keys."""
    options = {"keySchema": SCHEMA} | options
    found = SourceSecrets(tuple(keys))
    this = planner(**options)
    return Keeper(
        sync(**options),
        this,
        Source(why),
        memory or Memory(),
        frozenset(asked_before),
        found,
        permitted,
        desired_from(found, this.schema).parts,
    )


def key(name, value="1", origin=None, **references):
    """Return a key of the source."""
    return SourceSecret(name, SecretStr(value), origin, references)


def update(name="P_A", value=b"new", *, own=True):
    """Return an update of a secret that carries this sync's tag, or none."""
    held = secret(name, tags=tags(name, "old") if own else {})
    return Change(Action.UPDATE, name, held, SecretBytes(value))


def deletion(name="P_A", *, own=True):
    """Return a deletion of such a secret."""
    return Change(Action.DELETE, name, secret(name, tags=tags(name, "old") if own else {}))


def kept(keeper, *changes, may_ask_all=True):
    """Return why what is kept."""
    return keeper.kept(Plan(changes), NOW, may_ask_all=may_ask_all)


def digest(name, value):
    """Return the digest of a value under the key of today."""
    return tags(name, value)[DIGEST_TAG]


def test_a_key_whose_giver_hides_is_kept_and_the_others_are_not():
    """The unit is the key: what the hidden place gave stays, all else is done; the place is noted as asked."""
    keeper = a_keeper(Memory(keys={"A": GIVEN}), keys=[key("B")])
    changes = (deletion("P_A"), update("P_B"))
    assert kept(keeper, *changes) == {"P_A": HIDDEN}
    assert keeper.source.asked == [("/api", "A", SHARED, True)]
    assert keeper.memory.asked == {str(SHARED): NOW}


def test_what_the_source_calls_gone_is_not_kept():
    """Where the source says that a key is gone, its change is made, and its place does not count as asked."""
    keeper = a_keeper(Memory(keys={"A": GIVEN}), why=None)
    assert kept(keeper, deletion()) == {}
    assert keeper.memory.asked == {}


@pytest.mark.parametrize(
    ("may_ask_all", "asked_before", "may_ask"),
    [(True, [str(SHARED)], True), (False, [str(SHARED)], False), (False, ["another"], True)],
)
def test_a_place_is_asked_once_in_a_while(may_ask_all, asked_before, may_ask):
    """A hint does not ask a place again that was asked lately; who may ask all asks it."""
    keeper = a_keeper(Memory(keys={"A": GIVEN}), asked_before=asked_before)
    kept(keeper, deletion(), may_ask_all=may_ask_all)
    assert [asked[-1] for asked in keeper.source.asked] == [may_ask]


def test_when_a_place_was_asked_first_is_kept():
    """A place that is asked again counts from the first time, or it would never be asked for a hint again."""
    before = NOW - timedelta(seconds=5)
    keeper = a_keeper(Memory(keys={"A": GIVEN}, asked={str(SHARED): before}))
    kept(keeper, deletion())
    assert keeper.memory.asked == {str(SHARED): before}


def test_what_is_known_of_a_key_stays_while_its_giver_may_only_hide():
    """A key that another place gives with the same value is judged by the former place until that is gone."""
    known = {"A": GIVEN, "B": GIVEN, "C": KeyMemory()}
    lower = Origin("import", "prod", "/lower")
    keys = [key("A", origin=lower), key("B", origin=SHARED), key("C", origin=lower), key("D")]
    for why, unproven in ((HIDDEN, {"A"}), (None, set())):
        keeper = a_keeper(Memory(keys=known), keys=keys, why=why)
        plan = replace(Plan(), unproven=keeper.unproven(Plan(), NOW, may_ask_all=True))
        assert plan.unproven == unproven
        assert [asked[1] for asked in keeper.source.asked] == ["A"]
        assert keeper.unproven(Plan((update("P_A"),)), NOW, may_ask_all=True) == set()
        after = keys_after(known, keeper.found, [], plan, {}, planner(keySchema=SCHEMA))
        assert after["A"] == (GIVEN if why else KeyMemory(origin=str(lower)))
        assert (after["B"], after["C"].origin) == (GIVEN, str(lower))


def test_an_own_secret_of_which_nothing_is_known_asks_any_place():
    """The deletion of an own secret without memory asks any place; that of a stranger's asks none."""
    keeper = a_keeper()
    assert kept(keeper, deletion("P_A"), deletion("P_B", own=False)) == {"P_A": HIDDEN}
    assert keeper.memory.asked == {"any place": NOW}
    keeper = a_keeper(asked_before=["any place"])
    kept(keeper, deletion(), may_ask_all=False)
    assert keeper.source.asked == [("/api", "A", None, False)]


def test_a_lost_reference_is_named_before_anything_is_asked():
    """A reference that does not resolve any more holds its key; the source is not asked for the rest of it."""
    known = KeyMemory(origin=str(SHARED), references={"prod:/db PW": "prod:/db"})
    keeper = a_keeper(Memory(keys={"A": known}), keys=[key("A", **{"prod:/db PW": None})])
    [why] = kept(keeper, update()).values()
    assert why == "it refers to prod:/db PW, which is not there"
    assert keeper.source.asked == []


def pending(**fields):
    """Return the memory of an import that could not bring P_A into the source."""
    usual = {"why": "refused", "was_in_source": True, "digest": digest("P_A", "of old")}
    return Memory(import_pending={"P_A": Pending(**usual | fields)})


def test_what_could_not_be_imported_is_not_deleted():
    """A value that an import could not bring into the source is not deleted; the reason is told."""
    [why] = kept(a_keeper(pending()), deletion()).values()
    assert why == (
        "its value could not be imported into the source (refused); import it again, or force the plan"
    )
    assert "()" not in kept(a_keeper(pending(why="")), deletion())["P_A"]


def test_what_could_not_be_imported_holds_until_the_source_changes():
    """The source's value of the time of the import holds; another one counts for good, even if it changes back."""
    memory = pending()
    keeper = a_keeper(memory, why=None)
    assert "could not be imported" in kept(keeper, update(value=b"of old"))["P_A"]
    assert kept(keeper, update(value=b"rotated")) == {}
    assert memory.import_pending == {}
    assert kept(keeper, update(value=b"of old")) == {}


@pytest.mark.parametrize("known", [None, "deadbeef:00"])
def test_a_digest_that_tells_nothing_holds_the_value_of_today(known):
    """Where no digest is known, or one of a former key, the value of today holds, and is noted."""
    memory = pending(digest=known)
    keeper = a_keeper(memory, why=None)
    assert "P_A" in kept(keeper, update(value=b"today"))
    assert memory.import_pending["P_A"].digest == digest("P_A", "today")
    assert kept(keeper, update(value=b"tomorrow")) == {}


def test_what_was_not_in_the_source_is_updated_once_it_is():
    """An import holds the update of a key only if the source had it then."""
    assert kept(a_keeper(pending(was_in_source=False), why=None), update()) == {}


@pytest.mark.parametrize("action", [Action.CREATE, Action.RESTORE, Action.TAG])
def test_an_import_holds_updates_and_deletions_only(action):
    """A secret that is not there, goes or has a wrong tag alone is no value that could get lost."""
    change = Change(action, "P_A", None, SecretBytes(b"new"))
    assert kept(a_keeper(pending()), change) == {}


def test_a_memory_that_was_dropped_holds_what_the_sync_never_wrote():
    """Where the memory was too large, it is not known what was imported: strangers stay as they are."""
    keeper = a_keeper(Memory(was_too_large=True), why=None)
    changes = (update("P_A"), update("P_B", own=False), deletion("P_C", own=False))
    held = kept(keeper, *changes)
    assert held.keys() == {"P_B", "P_C"}
    assert "not known any more" in held["P_B"]


def test_a_scope_holds_strangers_only():
    """What the scope does not permit is held, unless the sync's tag or its memory shows that it wrote it."""
    narrow = scope_of(sync(keySchema="Q_{{secretKey}}").config)
    keeper = a_keeper(Memory(keys={"B": KeyMemory()}), why=None, permitted=narrow)
    held = kept(keeper, deletion("P_A"), deletion("P_B", own=False), deletion("P_C", own=False))
    assert held == {"P_B": MAY_NOT_DELETE, "P_C": MAY_NOT_DELETE}
    same = scope_of(sync(keySchema=SCHEMA, disableSecretDeletion=True).config)
    keeper = a_keeper(Memory(keys={"B": KeyMemory()}), why=None, permitted=same)
    held = kept(keeper, deletion("P_B", own=False), deletion("P_C", own=False))
    assert held == {"P_C": MAY_NOT_DELETE}
    assert kept(a_keeper(why=None), deletion("P_C", own=False)) == {}
    new = Change(Action.CREATE, "P_D", None, SecretBytes(b"1"))
    assert kept(a_keeper(permitted=NOWHERE), new) == {}


PW = "prod:/db PW"


def test_what_is_true_of_a_key_whether_a_write_succeeds_or_not():
    """Before a write what gives a key now counts, if it is not the folder; new references are added to the known."""
    known = {"A": KeyMemory(origin=str(SHARED), references={PW: "prod:/old"}), "Z": GIVEN}
    found = SourceSecrets(
        (key("A", **{PW: "prod:/db", "prod:/db HOST": "prod:/db", "x": None}), key("B"), key("C"))
    )
    changes = [update("P_A"), Change(Action.CREATE, "P_B")]
    before = keys_before(known, found, changes, planner(keySchema=SCHEMA))
    assert before == known | {
        "A": KeyMemory(
            origin=str(SHARED), references={PW: "prod:/db", "prod:/db HOST": "prod:/db"}
        ),
        "B": KeyMemory(),
    }


def test_what_is_not_known_of_references_stays_unknown():
    """A key whose references are not known stays so until it was written."""
    known = {"A": KeyMemory(references=None)}
    found = SourceSecrets((key("A", **{PW: "prod:/db"}),))
    assert keys_before(known, found, [update("P_A")], planner(keySchema=SCHEMA)) == known


def test_what_is_known_after_a_run():
    """What was equal or written is as the source shows it; what failed or is held keeps what it has."""
    known = dict.fromkeys(("EQUAL", "WRITTEN", "FAILED", "HELD", "EMPTY", "ERROR", "GONE"), GIVEN)
    keys = (key(name) for name in ("EQUAL", "WRITTEN", "FAILED", "HELD"))
    found = SourceSecrets((*keys, key("EMPTY", "")), {"ERROR": "twice"})
    plan = Plan(
        (update("P_WRITTEN"), update("P_HELD"), update("P_FAILED")), errors={"P_FAILED": "refused"}
    )
    listing = [secret("P_STANDING")]
    done = {"P_WRITTEN": Action.UPDATE}
    after = keys_after(
        known | {"STANDING": GIVEN}, found, listing, plan, done, planner(keySchema=SCHEMA)
    )
    assert after == {
        **dict.fromkeys(("FAILED", "HELD", "EMPTY", "ERROR", "STANDING"), GIVEN),
        **dict.fromkeys(("EQUAL", "WRITTEN"), KeyMemory()),
    }


def test_what_is_remembered_of_a_key():
    """The place that gave a key is remembered, and of each reference that resolved the place that gave it."""
    found = SourceSecrets((key("A", origin=SHARED, **{PW: "prod:/db", "x": None}),))
    after = keys_after({}, found, [], Plan(), {}, planner(keySchema=SCHEMA))
    assert after == {"A": KeyMemory(origin=str(SHARED), references={PW: "prod:/db"})}


APP = {"bundle": {"name": "app"}}


def bundled(**keys):
    """Return an update of the sync's own bundle, with these changes of its keys."""
    return replace(update("app"), keys=KeyChanges(**keys))


def test_one_key_that_hides_holds_its_bundle():
    """A bundle is kept for the sake of one key, which is named; what stays as it is asks nothing."""
    memory = Memory(keys={"A": GIVEN, "B": GIVEN})
    keeper = a_keeper(memory, keys=[key("B")], **APP)
    assert kept(keeper, bundled(removed=("A",))) == {"app": f"A: {HIDDEN}"}
    assert keeper.source.asked == [("/api", "A", SHARED, True)]
    assert kept(a_keeper(memory, keys=[key("B")], why=None, **APP), bundled(removed=("A",))) == {}
    assert kept(a_keeper(memory, keys=[key("B")], **APP), bundled()) == {}


def test_a_key_of_a_bundle_of_which_nothing_is_known():
    """A key that an own bundle holds, and that is in no memory, asks any place."""
    keeper = a_keeper(**APP)
    assert kept(keeper, bundled(removed=("A",))) == {"app": f"A: {HIDDEN}"}
    assert keeper.source.asked == [("/api", "A", None, True)]


def test_a_lost_reference_holds_its_bundle():
    """A new text that refers to what is not there holds the bundle, unless the key is new."""
    known = KeyMemory(references={"prod:/db PW": "prod:/db"})
    keys = [key("A", **{"prod:/db PW": None})]
    keeper = a_keeper(Memory(keys={"A": known}), keys=keys, **APP)
    assert kept(keeper, bundled(changed=("A",)))["app"].startswith("A: it refers to prod:/db PW")
    assert kept(a_keeper(keys=keys, **APP), bundled(changed=("A",)))["app"].startswith(
        "A: it refers"
    )
    assert kept(a_keeper(keys=keys, **APP), bundled(added=("A",))) == {}


def test_a_bundle_that_is_made_or_deleted_may_lose_what_it_held():
    """Each key that is known and not shown is asked for, also where the bundle is not there or to go."""
    create = Change(Action.CREATE, "app", None, SecretBytes(b"{}"), keys=KeyChanges(added=("B",)))
    memory = Memory(keys={"A": GIVEN, "B": GIVEN})
    keys = [key("B", origin=SHARED)]
    assert kept(a_keeper(memory, keys=keys, **APP), create) == {"app": f"A: {HIDDEN}"}
    keeper = a_keeper(memory, **APP)
    assert kept(keeper, deletion("app")) == {"app": f"A: {HIDDEN}"}
    assert kept(a_keeper(memory, why=None, **APP), deletion("app")) == {}
    assert kept(a_keeper(**APP), deletion("app")) == {"app": HIDDEN}


def test_a_stranger_s_bundle_keeps_what_the_source_lacks():
    """A bundle that the sync never wrote is kept if it holds keys that the source lacks and never gave."""

    def of_a_stranger(**keys):
        return replace(update("app", own=False), keys=KeyChanges(**keys))

    why = kept(a_keeper(**APP), of_a_stranger(removed=("A",), lost=("A",)))["app"]
    assert why.startswith("this sync never wrote it, and the source lacks A:")
    assert kept(a_keeper(why=None, **APP), of_a_stranger(changed=("A",))) == {}
    known = Memory(keys={"A": KeyMemory()})
    assert kept(a_keeper(known, why=None, **APP), of_a_stranger(removed=("A",), lost=("A",))) == {}


def test_a_key_that_could_not_be_imported_holds_its_bundle():
    """A key of a bundle that the source did not take holds it, while the source does not have another value."""
    left = {"app/A": Pending(why="refused", was_in_source=True, digest=digest("app/A", "of old"))}
    lost = bundled(removed=("A",))
    assert (
        "A: its value could not be imported"
        in kept(a_keeper(Memory(import_pending=left), **APP), lost)["app"]
    )
    changed = bundled(changed=("A",))
    same = a_keeper(Memory(import_pending=left), keys=[key("A", "of old")], **APP)
    assert "A: its value could not be imported" in kept(same, changed)["app"]
    other = a_keeper(Memory(import_pending=left), keys=[key("A", "another")], **APP)
    assert kept(other, changed) == {}


def test_what_is_known_of_a_bundle_s_keys():
    """Written, a bundle leaves the memory of the keys that it holds; held or failed, it keeps what is known."""
    this = planner(**APP)
    found = SourceSecrets((key("A", origin=SHARED), key("E", "")))
    known = {"A": KeyMemory(), "GONE": GIVEN}
    change = bundled(removed=("GONE",))
    written = keys_after(
        known, found, [change.secret], Plan((change,)), {"app": Action.UPDATE}, this
    )
    assert written == {"A": GIVEN, "E": KeyMemory()}
    assert keys_after(known, found, [change.secret], Plan((change,)), {}, this) == known
    assert keys_after(known, found, [change.secret], Plan(), {}, this) == written
    failed = Plan(errors={"app": "why"})
    assert keys_after(known, found, [change.secret], failed, {}, this) == known


def test_which_secret_of_the_source_it_was_is_remembered():
    """What is known of a key says which secret of the source gave it: another of its name is another."""
    given = SourceSecret("A", SecretStr("1"), id="00000000-0000-4000-8000-0123456789ab")
    after = keys_after({}, SourceSecrets((given,)), [], Plan(), {}, planner(keySchema=SCHEMA))
    assert after["A"].id
    assert given.id.endswith(after["A"].id)
