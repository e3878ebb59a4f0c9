"""What a sync lost or deleted within a day counts together, in virtual time."""

import json

import pytest

from tests.support.one_sync import CONFIG, EVENT, FOLDER, held, status, world_of_one_sync

DAY = 24 * 3600


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync, whose ten keys are in a bundle."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    monkeypatch.setattr(world.auditor, "judge", lambda *_: [])  # it knows of no bundle
    config = json.loads(world.store.get(CONFIG).body)
    config["syncOptions"] |= {"keySchema": None, "bundle": {"name": "APP"}}
    world.store.put(CONFIG, json.dumps(config).encode())
    keep(world, 10)
    return world


def keep(world, number):
    """Let the source hold so many keys, and sync them."""
    world.source.folders[FOLDER] = {f"K{n}": "1" for n in range(number)}
    world.start("webhook", lambda invocation: invocation.webhook(EVENT))
    world.scheduler.run(world.scheduler.seconds + 60)


@pytest.mark.parametrize(("later_seconds", "stops"), [(60, True), (DAY, False)])
def test_keys_that_a_bundle_loses_one_after_another(world, later_seconds, stops):
    """Three keys of ten and three more are one loss of six where both fall within a day; then they stop the sync."""
    keep(world, 7)
    assert len(json.loads(held(world)["APP"])) == 7
    world.scheduler.run(world.scheduler.seconds + later_seconds)
    keep(world, 4)
    assert len(json.loads(held(world)["APP"])) == (7 if stops else 4)
    assert ("Nothing was written" in (status(world).sync.message or "")) == stops
