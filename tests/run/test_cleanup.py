"""What an edit left behind: in which places, and whose secrets."""

import json
from types import SimpleNamespace
from uuid import UUID

import pytest

from functions.calls.deadline import Gate
from functions.errors import Forbidden, Temporary
from functions.plan.models import State
from functions.run.cleanup import left_behind, place_of, tell_left_behind
from functions.state.status import Place, Status
from functions.triggers.command import Command
from tests.support.bare_services import bare_services
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import CONFIG, answer_of, held, status, ticks, world_of_one_sync
from tests.support.plan_examples import OTHER_SYNC, PROTECTED_ID, VAULT, secret, sync, tags
from tests.support.virtual_time import VirtualClock
from tests.system.simulation.memory_world import OTHER_COMPARTMENT

OLD_VAULT = "ocid1.vault.oc1.iad.b.old"
CONNECTION = UUID(int=7)
SYNC = sync(keySchema="P_{{secretKey}}")


def former(**changes):
    """Return a place where the sync wrote before."""
    destination = place_of(SYNC).destination.model_copy(update={"vault_ocid": OLD_VAULT} | changes)
    return Place(destination=destination, connection_id=CONNECTION)


def own(name, **fields):
    """Return a secret with the sync's tag."""
    return secret(name, **{"tags": tags(name, "1")} | fields)


def look(status, listings):
    """Return what lies where, what is told of that, and what cannot be listed; by whom vaults were opened."""
    clock, opened = VirtualClock(), []

    def vault(there, _gate):
        opened.append((there.config.destination_config.vault_ocid, there.config.connection_id))

        def listed():
            found = listings[there.config.destination_config.vault_ocid]
            if isinstance(found, Exception):
                raise found
            return found

        return SimpleNamespace(list=listed)

    services = bare_services(
        clock,
        vault=vault,
        protected_ids=lambda: frozenset([PROTECTED_ID]),
        existing_sync_ids=lambda: frozenset([OTHER_SYNC]),
    )
    how = (SYNC, status, services, Gate(clock, clock.monotonic() + 60), lambda: None)
    found, warnings = left_behind(*how)
    names = {one.place.destination.vault_ocid: [s.name for s in one.secrets] for one in found}
    by_cleanup = list(opened)
    opened.clear()
    told = tell_left_behind(*how)
    return SimpleNamespace(
        names=names, warnings=warnings, told=told, opened=by_cleanup, opened_to_tell=list(opened)
    )


def test_what_a_key_schema_left_behind():
    """Of its own place what carries the sync's tag and is out of its scope is left behind; the plan tells the rest."""
    seen = look(Status(place=place_of(SYNC)), {VAULT: [own("P_A"), own("Q_A"), own("A")]})
    assert seen.names == {VAULT: ["A", "Q_A"]}
    assert (seen.told, seen.warnings) == ([], [])
    assert seen.opened == [(VAULT, None)]
    assert seen.opened_to_tell == []


def test_what_a_destination_left_behind():
    """In a former place all that carries the tag is left behind; it is read as the sync did while it wrote there."""
    status = Status(place=place_of(SYNC), former_places=[former()])
    seen = look(status, {VAULT: [own("P_B")], OLD_VAULT: [own("P_B"), own("P_A")]})
    assert seen.names == {VAULT: [], OLD_VAULT: ["P_A", "P_B"]}
    assert seen.opened == [(VAULT, None), (OLD_VAULT, CONNECTION)]
    assert seen.told == [f"left behind by an edit in {OLD_VAULT}, for `cleanup` to take: P_A, P_B"]
    assert seen.opened_to_tell == [(OLD_VAULT, CONNECTION)]


@pytest.mark.parametrize(
    "found",
    [
        secret("P_A"),
        secret("P_A", tags=tags("P_A", "1", owner=OTHER_SYNC)),
        own("P_A", id=PROTECTED_ID),
        own("P_A", managed_by="rotation"),
        own("P_A", state=State.PENDING_DELETION),
        own("P_A", state=State.UPDATING),
    ],
)
def test_what_is_not_left_behind(found):
    """What is another's, nobody's, protected or not ACTIVE is not taken."""
    seen = look(Status(former_places=[former()]), {VAULT: [], OLD_VAULT: [found]})
    assert (seen.names[OLD_VAULT], seen.told) == ([], [])


def test_the_place_of_the_last_run_counts_if_the_config_was_edited_since():
    """Where the last run wrote is a former place too as soon as the config says another."""
    seen = look(Status(place=former()), {VAULT: [], OLD_VAULT: [own("P_A")]})
    assert seen.names == {VAULT: [], OLD_VAULT: ["P_A"]}


def test_a_former_place_that_is_the_place_again():
    """A former place to which the sync came back is no former place, whoever signs there now."""
    back = Place(destination=place_of(SYNC).destination, connection_id=CONNECTION)
    seen = look(Status(place=place_of(SYNC), former_places=[back]), {VAULT: [own("P_A")]})
    assert (seen.names, seen.told) == ({VAULT: []}, [])


def test_what_cannot_be_listed_is_told():
    """A place that cannot be listed is named, and the others are looked at all the same."""
    status = Status(former_places=[former(), former(vault_ocid="ocid1.vault.oc1.iad.b.older")])
    listings = {VAULT: [], OLD_VAULT: Forbidden("no"), "ocid1.vault.oc1.iad.b.older": [own("P_A")]}
    seen = look(status, listings)
    assert seen.warnings == [f"{OLD_VAULT} could not be listed: no"]
    assert seen.names == {VAULT: [], "ocid1.vault.oc1.iad.b.older": ["P_A"]}
    assert seen.told == [
        f"what an edit left behind in {OLD_VAULT} could not be listed: no",
        "left behind by an edit in ocid1.vault.oc1.iad.b.older, for `cleanup` to take: P_A",
    ]


def test_a_place_that_does_not_answer_is_not_passed_over():
    """A cleanup is tried again where a former place does not answer now."""
    status = Status(former_places=[former()])
    listings = {VAULT: [], OLD_VAULT: Temporary("later")}
    with pytest.raises(Temporary):
        look(status, listings)


@pytest.mark.parametrize("refusal", [Forbidden("no"), Temporary("later"), None])
def test_a_cleanup_forgets_only_what_it_did(monkeypatch, refusal):
    """Former places are forgotten once all that was left there is deleted; else the next cleanup looks there again."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    monkeypatch.setattr(world.auditor, "judge", lambda *_: [])  # it knows of no cleanup
    ticks(world, 1)
    config = json.loads(world.store.get(CONFIG).body)
    config["destinationConfig"]["compartmentOcid"] = OTHER_COMPARTMENT
    config["syncOptions"]["keySchema"] = "NEW_{{secretKey}}"
    world.store.put(CONFIG, json.dumps(config).encode())
    ticks(world, 1)
    assert len(status(world).former_places) == 1
    assert "left behind by an edit" in status(world).sync.message

    def refuse(*_, **__):
        raise refusal

    if refusal:
        monkeypatch.setattr(MemoryVault, "schedule_deletion", refuse)
    order = Command(command="cleanup", sync="a")
    answer_of(world, lambda hands: hands.dispatcher().command(order), 60)
    assert held(world) == {"NEW_A": "1"} | ({"A": "1"} if refusal else {})
    assert len(status(world).former_places) == bool(refusal)
    assert status(world).runs[0].errors == ({"A": str(refusal)} if refusal else {})


def test_a_cleanup_says_where_it_could_not_look(monkeypatch):
    """A former place that cannot be listed is named in the status, and stays a former place."""
    world = world_of_one_sync()
    ticks(world, 1)
    config = json.loads(world.store.get(CONFIG).body)
    config["destinationConfig"]["compartmentOcid"] = OTHER_COMPARTMENT
    world.store.put(CONFIG, json.dumps(config).encode())
    ticks(world, 1)
    listed = MemoryVault.list

    def refuse(vault):
        if vault._home["compartmentId"] != OTHER_COMPARTMENT:
            raise Forbidden("no")
        return listed(vault)

    monkeypatch.setattr(MemoryVault, "list", refuse)
    order = Command(command="cleanup", sync="a")
    report = answer_of(world, lambda hands: hands.dispatcher().command(order), 60)
    assert "could not be listed: no" in report["message"]
    assert len(status(world).former_places) == 1


def test_a_place_is_told_by_its_connection_too():
    """The same vault by another connection is another place."""
    config = SYNC.config.model_copy(update={"connection_id": CONNECTION})
    moved = SYNC.model_copy(update={"config": config})
    assert place_of(moved) == Place(destination=config.destination_config, connection_id=CONNECTION)
    assert place_of(moved) != place_of(SYNC)
