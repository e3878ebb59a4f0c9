from dataclasses import dataclass
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.plan.desired import Desired, desired_from
from functions.plan.key_changes import with_keys
from functions.plan.models import BLOCKING, Action, State, VaultSecret
from functions.plan.plan import Plan
from functions.plan.shown import show
from functions.plan.table import Planner
from tests.support.plan_examples import (
    GONE_SYNC,
    OTHER_SYNC,
    OWN_SYNC,
    PROTECTED_ID,
    Vault,
    planner,
    secret,
    source,
    tags,
)

VALUES = ["hunter2-one", "hunter2-two", '{"A":"hunter2-three","Q":"","Z":"hunter2-four"}']
NAMES = ["X_A", "X_B", "X_C", "X_", "A", "B", "OTHER"]
TRANSITIONS = sorted(BLOCKING - {State.UNKNOWN})


@st.composite
def held(draw, *, truthful):
    """Draw secrets with their contents; where `truthful`, their tags promise what they hold."""
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        value = draw(st.sampled_from(VALUES))
        promised = value if truthful else draw(st.sampled_from(VALUES))
        owner = draw(st.sampled_from([None, OWN_SYNC, OTHER_SYNC, GONE_SYNC]))
        state = draw(st.sampled_from([State.ACTIVE, State.ACTIVE, *State]))
        fields = draw(
            st.sampled_from([{}, {}, {}, {"id": PROTECTED_ID + name}, {"managed_by": "rotation"}])
        )
        marks = tags(name, promised, owner) if owner else {"team": "x"}
        found.append((secret(name, state, tags=marks, **fields), value.encode()))
        if draw(st.booleans()):
            dead = secret(name, State.DELETED, id=f"dead-{name}", tags=marks)
            found.insert(draw(st.integers(0, len(found))), (dead, b"of yore"))
    return found


SOURCES = st.builds(
    source,
    st.dictionaries(
        st.sampled_from(["A", "B", "C", "a b", "ä", "\ud800"]),
        st.sampled_from([*VALUES, "", "x" * 25_001, "\ud800"]),
    ),
    errors=st.dictionaries(st.sampled_from(["A", "Z"]), st.just("not readable")),
)
_SCHEMAS = st.sampled_from(["X_{{secretKey}}", "{{secretKey}}", "X_{{folderPath}}_{{secretKey}}"])
_SCOPES = {"keySchema": _SCHEMAS, "blockingScope": st.sampled_from(["vault", "schema"])}
_BUNDLES = st.fixed_dictionaries(
    {"name": st.sampled_from(["X_A", "OTHER"]), "format": st.sampled_from(["json", "env"])}
)
OPTIONS = st.one_of(
    st.fixed_dictionaries({}, optional={**_SCOPES, "disableSecretDeletion": st.booleans()}),
    st.fixed_dictionaries({"bundle": _BUNDLES}, optional=_SCOPES),
)


@dataclass
class World:
    """A source and a vault with one sync between them."""

    planner: Planner
    desired: Desired
    vault: Vault

    def plan(self, *, verify) -> Plan:
        """Plan as a run does: read what is doubtful, and compare."""
        listing = self.vault.listing()
        must_read = self.planner.must_read(
            self.desired,
            listing,
            settled=(),
            unsure=(),
            verify=self.desired.values if verify else (),
        )
        contents = self.vault.read(must_read)
        plan = self.planner.plan(self.desired, listing, contents)
        return with_keys(plan, self.desired, contents, self.planner)

    def make(self, plan: Plan):
        """Carry out what no guard holds."""
        for change in plan.changes:
            if not change.held:
                new = self.planner.tags(change.name, change.value) if change.value else {}
                writes = change.action in (Action.CREATE, Action.UPDATE, Action.TAG)
                self.vault.make(change, new if writes else {})

    def is_out_of_reach(self, secret: VaultSecret) -> bool:
        """Say whether nothing may be done to the secret without force."""
        return bool(
            not self.planner.schema.matches(secret.name)
            or self.planner.protected_because(secret)
            or self.planner.owned_by_other(secret)
        )


def world(source_secrets, options, found) -> World:
    """Return a world; secrets whose id says so are protected."""
    protected = [one.id for one, _ in found if one.id.startswith(PROTECTED_ID)]
    this = planner(protected=protected, **options)
    return World(this, desired_from(source_secrets, this.schema), Vault(found))


@settings(max_examples=150)
@given(SOURCES, OPTIONS, st.booleans(), st.data())
def test_plans_converge(source_secrets, options, verify, data):
    """From any state, at most three plans later the vault holds what is wanted and no plan is left."""
    found = data.draw(held(truthful=not verify))
    this = world(source_secrets, options, found)
    this.vault.settle()
    for _ in range(3):
        this.make(this.plan(verify=verify))
        this.vault.settle()
    final = this.plan(verify=verify)
    assert [change for change in final.changes if not change.held] == []
    contents = this.vault.contents()
    stuck = final.errors.keys() | {one.name for one in final.blocked}
    for name, value in this.desired.values.items():
        assert name in stuck or contents[name] == value.get_secret_value()
    if not options.get("disableSecretDeletion"):
        kept = {one.name for one in this.vault.listing() if this.is_out_of_reach(one)}
        assert set(contents) <= {*this.desired.values, *this.desired.errors} | kept


@settings(max_examples=150)
@given(SOURCES, OPTIONS, st.booleans(), st.data())
def test_plans_never_touch_what_is_not_theirs(source_secrets, options, verify, data):
    """No plan, removals included, touches a name out of scope, a protected or a foreign secret."""
    found = data.draw(held(truthful=False))
    this = world(source_secrets, options, found)
    made = this.plan(verify=verify)
    for change in made.changes:
        assert this.planner.schema.matches(change.name)
        if change.secret is not None:
            assert not this.planner.protected_because(change.secret)
            assert change.held or not this.planner.owned_by_other(change.secret)
            assert change.action != Action.DELETE or not this.planner.owned_by_other(change.secret)
        assert change.name not in this.desired.errors
        assert change.action == Action.DELETE or change.name in this.desired.values
        assert change.action != Action.DELETE or change.name not in this.desired.values
    for change in this.planner.plan_removal(NAMES, this.vault.listing()).changes:
        assert not this.planner.protected_because(change.secret)
        assert not this.planner.owned_by_other(change.secret)


@given(SOURCES, OPTIONS, st.booleans(), st.data())
def test_every_change_suits_the_state_of_its_secret(source_secrets, options, verify, data):
    """Whatever is planned, no call is made that a secret's lifecycle state forbids, nor two a name."""
    this = world(source_secrets, options, data.draw(held(truthful=False)))
    made = this.plan(verify=verify)
    this.make(made)
    names = [change.name for change in made.changes]
    assert len(names) == len(set(names))
    first = [change.action != Action.DELETE for change in made.changes]
    assert first == sorted(first, reverse=True)


@given(SOURCES, OPTIONS, st.data())
def test_plans_hold_no_value_that_shows(source_secrets, options, data):
    """No text of a plan, its changes or what they are made of shows a value."""
    this = world(source_secrets, options, data.draw(held(truthful=False)))
    made = this.plan(verify=True)
    shown = [
        source_secrets,
        this.desired,
        made,
        *made.changes,
        show(made, UUID(int=1)),
        made.fingerprint,
    ]
    assert "hunter2" not in "".join(map(repr, shown)) + "".join(map(str, shown))


@given(SOURCES, OPTIONS, st.sampled_from(TRANSITIONS), st.data())
def test_nothing_is_planned_for_a_secret_in_transition(source_secrets, options, state, data):
    """Secrets in transition are reported as blocking and no change is planned for them."""
    this = world(source_secrets, options, data.draw(held(truthful=False)))
    this.vault._held = [
        (secret(one.name, state, id=one.id, tags=one.tags, managed_by=one.managed_by), value)
        for one, value in this.vault._held
        if one.state != State.DELETED
    ]
    made = this.plan(verify=True)
    assert {change.action for change in made.changes} <= {Action.CREATE}
    everywhere = options.get("blockingScope") != "schema"
    assert {one.name for one in made.blocked} == {
        one.name
        for one in this.vault.listing()
        if everywhere or this.planner.schema.matches(one.name)
    }
