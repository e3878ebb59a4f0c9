"""The emergency stop: while everything is paused nothing is written, and nothing is lost by it."""

import json

import pytest

from tests.support.api import SYNCS


@pytest.fixture
def api(world):
    """Send a request to the management API; return status and JSON."""

    def call(method, path, data=None):
        headers = {"authorization": f"Bearer {world.stack.api_token}"}
        return world.post(json.dumps(data).encode() if data else b"", headers, path, method)

    return call


@pytest.fixture
def paused(world, api):
    """A sync whose source changed after all syncs were paused."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.age(60)
    assert api("POST", "/api/v1/pause")[1]["isPaused"]
    world.queue.messages.clear()
    sync.set("A", "2")
    return sync


def test_hints_wait(world, paused):
    """Webhooks and events are answered 202; nothing is written, and what a container queued before it knew is all."""
    for _ in range(3):
        status, answer = paused.webhook()
        assert status == 202
        assert answer["message"].startswith("All syncs are paused since 20")
        assert "paused" in world.config_event(paused.object)["message"]
    world.tick()
    assert paused.live == {"A": "1"}
    assert len(world.queue.messages) <= 1


def test_after_the_pause_all_is_made_up_for(world, api, paused):
    """The first tick after the pause verifies what webhooks told meanwhile, however lately it was verified."""
    paused.webhook()
    assert not api("POST", "/api/v1/resume")[1]["isPaused"]
    world.tick()
    assert paused.live == {"A": "2"}
    assert paused.webhook()[0] == 200


def test_what_was_queued_stays(world, api, paused):
    """A tick takes no message off the queue; after the pause it does."""
    api("POST", "/api/v1/resume")
    world.config_event(paused.object)
    held = [message.content for message in world.queue.messages]
    api("POST", "/api/v1/pause")
    world.cloud.reset_calls()
    world.tick()
    assert [message.content for message in world.queue.messages] == held
    assert "GetMessages" not in world.operations()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sync-secrets"),
        ("POST", "/import-secrets?importBehavior=prioritize-source"),
        ("POST", "/remove-secrets"),
        ("DELETE", ""),
        ("DELETE", "?removeSecrets=true"),
    ],
)
def test_actions_are_refused(world, api, paused, method, path):
    """Sync, import, remove and delete answer 409 that names since when and by whom; a plan works."""
    (row,) = api("GET", SYNCS)[1]["secretSyncs"]
    status, answer = api(method, f"{SYNCS}/{row['id']}{path}")
    assert (status, answer["error"]) == (409, "Conflict")
    by = api("GET", "/api/v1/session")[1]["pause"]["by"]
    assert f"by {by}; resume them first" in answer["message"]
    planned = api("POST", f"{SYNCS}/{row['id']}/plan")[1]["plan"]
    assert planned["counts"]["update"] == 1
    assert world.bucket.get(paused.object)


def test_a_change_is_kept_for_later(world, api, paused):
    """A config may be changed meanwhile; the answer warns that it is synced only after the pause."""
    (row,) = api("GET", SYNCS)[1]["secretSyncs"]
    status, answer = api("PATCH", f"{SYNCS}/{row['id']}", {"description": "new"})
    assert (status, answer["secretSync"]["description"]) == (200, "new")
    assert "Nothing is synced yet" in answer["warnings"][0]
    assert paused.live == {"A": "1"}


def test_people_are_told(world, api, paused):
    """A notice tells of the beginning, of each day that it lasts, and of the end; a metric counts ticks."""
    world.tick()
    stored = json.loads(world.bucket.get("pause.json"))
    stored["toldAt"] = "2026-01-01T00:00:00Z"
    world.bucket.put("pause.json", json.dumps(stored).encode())
    world.tick()
    world.tick()
    api("POST", "/api/v1/pause")
    api("POST", "/api/v1/resume")
    api("POST", "/api/v1/resume")
    assert [notice.title for notice in world.notices] == [
        "Secret syncs are paused",
        "Secret syncs are still paused",
        "Secret syncs go on",
    ]


def test_a_stop_that_cannot_be_read_stops(world, api, paused):
    """An object that is no valid pause pauses all the same, until somebody resumes."""
    world.bucket.put("pause.json", b"{")
    assert paused.webhook()[0] == 202
    assert api("GET", "/api/v1/session")[1]["pause"] == {"since": None, "by": None}
    api("POST", "/api/v1/resume")
    assert paused.webhook()[0] == 200
    assert paused.live == {"A": "2"}
