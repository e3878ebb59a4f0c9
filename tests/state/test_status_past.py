"""What a status knows of the past: places, deletions, removals, times that cannot be."""

from datetime import timedelta
from uuid import UUID

import pytest

from functions.plan.scope import NOWHERE, scope_of
from functions.plan.sync_config import DestinationConfig
from functions.state.status import MAX_FORMER_PLACES, Deletions, Phase, Place, Progress, Status
from tests.support.plan_examples import NOW, body, sync

LATER = NOW + timedelta(days=1)
MINUTE = timedelta(minutes=1)
CONNECTION = UUID(int=7)


def a_place(vault="a", compartment="a", key="a", connection=None):
    """Return a place that a sync writes to."""
    destination = body()["destinationConfig"] | {
        "vaultOcid": f"ocid1.vault.oc1.iad.b.{vault}",
        "compartmentOcid": f"ocid1.compartment.oc1..{compartment}",
        "keyOcid": f"ocid1.key.oc1.iad.b.{key}",
    }
    return Place(
        destination=DestinationConfig.model_validate(destination), connection_id=connection
    )


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (a_place(), True),
        (a_place(key="b"), True),
        (a_place(connection=CONNECTION), True),
        (a_place(vault="b"), False),
        (a_place(compartment="b"), False),
    ],
)
def test_what_is_one_place(other, is_same):
    """A compartment of a vault is a place; another key or connection leaves nothing behind."""
    assert a_place().is_same(other) == is_same
    assert other.is_same(a_place()) == is_same


def test_former_places_are_remembered():
    """A sync remembers where it wrote before, the newest first, each once and never where it is now."""
    status = Status()
    assert not status.see_place(a_place("a"))
    assert not status.see_place(a_place("a", key="b"))
    assert (status.place, status.former_places) == (a_place("a", key="b"), [])
    assert status.see_place(a_place("b"))
    assert status.see_place(a_place("c"))
    assert status.former_places == [a_place("b"), a_place("a", key="b")]
    assert status.see_place(a_place("a"))
    assert (status.place, status.former_places) == (a_place("a"), [a_place("c"), a_place("b")])


def test_so_many_former_places_are_remembered():
    """Only the newest former places are remembered."""
    status = Status()
    vaults = [f"v{number}" for number in range(MAX_FORMER_PLACES + 2)]
    for vault in vaults:
        status.see_place(a_place(vault))
    former = [*reversed(vaults[:-1])][:MAX_FORMER_PLACES]
    assert status.former_places == [a_place(vault) for vault in former]


def test_deletions_count_for_a_day():
    """Deletions are counted by the hour, and forgotten after a day."""
    status = Status()
    for minutes, count in ((0, 2), (59, 3), (60, 1), (61, 0)):
        status.count_deletions(count, NOW + minutes * MINUTE)
    assert status.deletions == [
        Deletions(at=NOW, count=5),
        Deletions(at=NOW + 60 * MINUTE, count=1),
    ]
    assert status.deletions_since(NOW - MINUTE) == 6
    assert status.deletions_since(NOW) == 1
    status.count_deletions(4, LATER)
    assert [one.count for one in status.deletions] == [1, 4]
    status.count_deletions(0, LATER + 60 * MINUTE)
    assert [one.count for one in status.deletions] == [4]


def test_times_that_cannot_be_are_forgotten():
    """Times of the future would hold back every later run: they are forgotten, those up to the limit stay."""
    status = Status(read_at=NOW, verified_at=LATER, wrote_at=LATER)
    status.deletions = [Deletions(at=NOW, count=1), Deletions(at=LATER, count=2)]
    status.forget_future(NOW)
    assert (status.read_at, status.verified_at, status.wrote_at) == (NOW, None, None)
    assert status.deletions == [Deletions(at=NOW, count=1)]


def test_a_config_that_comes_back_is_a_new_sync():
    """Under a status whose config was gone nothing is permitted or done; where it wrote is remembered."""
    status = Status(
        orphaned_at=NOW,
        began_blank=True,
        scope=scope_of(sync().config),
        place=a_place(),
        is_import_done=True,
        is_paused=True,
    )
    for part in (status.sync, status.import_, status.remove):
        part.status = Phase.SUCCEEDED
    status.begin_again()
    assert status == Status(place=a_place(), began_blank=False)
    assert status.sync == status.import_ == status.remove == Progress()


@pytest.mark.parametrize(
    ("fields", "is_blank"),
    [
        ({}, True),
        ({"config_etag": "e"}, False),
        ({"config_etag": "e", "began_blank": True}, True),
        ({"scope": NOWHERE}, False),
        ({"config_etag": "e", "began_blank": True, "scope": NOWHERE}, False),
    ],
)
def test_what_a_blank_status_is(fields, is_blank):
    """A status is blank as long as no run came to its end, if it was new, or lost, when the first one began."""
    assert Status(**fields).is_blank == is_blank


@pytest.mark.parametrize(
    ("is_paused", "etag", "rests"), [(True, "e", True), (True, "f", False), (False, "e", False)]
)
def test_a_sync_rests_after_a_removal(is_paused, etag, rests):
    """After a removal ticks leave the sync alone, until its config is edited."""
    status = Status(is_paused=is_paused, config_etag="e")
    assert status.is_paused_for(etag) == rests
    status.see_config(etag, NOW)
    assert status.is_paused == rests
