"""Several at once: exactly one wins, nothing is half done."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from infra.local.oci.traffic import Fault
from tests.support.api import CONNECTIONS, PROJECT, SYNCS, body, running_api


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def at_once(api, *requests):
    """Send requests at once, each to a container of its own; return the answers."""
    apps = [api.make_app() for _ in requests]
    for app in apps:
        api.ok("GET", SYNCS, projectId="warm", app=app)
    start = Barrier(len(requests))

    def send(request, app):
        start.wait()
        return api.call(*request, app=app)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests, apps))


def meeting(api, operation, about, number):
    """Let calls of `operation` whose name contains `about` go on only when so many are there."""
    barrier = Barrier(number)

    def before(call):
        if call.operation == operation and about in call.name_or_id and barrier.n_waiting < number:
            barrier.wait(5)

    api.cloud.before = before


def test_two_creates_of_one_name(api):
    """Of two concurrent creates of one name exactly one answers 200, the other says that it exists."""
    requests = [("POST", SYNCS, body(isEnabled=False))] * 3
    answers = sorted(at_once(api, *requests), key=lambda answer: answer[0])
    assert [status for status, _ in answers] == [200, 400, 400]
    assert answers[1][1]["message"].startswith('A Secret Sync with the name "payments" already')
    assert len(api.objects("secret-syncs/")) == 1
    assert api.objects("locks/") == []


def test_a_create_and_a_rename_to_one_name(api):
    """A create and a rename to the same name do not both win."""
    row = api.create(name="other", isEnabled=False)
    answers = at_once(
        api,
        ("POST", SYNCS, body(isEnabled=False)),
        ("PATCH", f"{SYNCS}/{row['id']}", {"name": "payments"}),
    )
    assert sorted(status for status, _ in answers) == [200, 400]
    names = [one["name"] for one in api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"]]
    assert names.count("payments") == 1


def test_creates_of_different_names(api):
    """Concurrent creates of different names all win."""
    requests = [("POST", SYNCS, body(name=f"sync-{n}", isEnabled=False)) for n in range(3)]
    assert [status for status, _ in at_once(api, *requests)] == [200] * 3


def test_two_updates_at_once(api):
    """Of two updates that read the same version one wins; the other gets 409 and changes nothing."""
    row = api.create(isEnabled=False)
    (name,) = api.objects("secret-syncs/")
    meeting(api, "PutObject", name, 2)
    path = f"{SYNCS}/{row['id']}"
    answers = at_once(
        api, ("PATCH", path, {"description": "one"}), ("PATCH", path, {"description": "two"})
    )
    api.cloud.before = lambda _call: None
    (winner,) = [answer["secretSync"] for status, answer in answers if status == 200]
    (loser,) = [answer for status, answer in answers if status == 409]
    assert loser["error"] == "Conflict"
    assert "nothing was done" in loser["message"]
    now = api.row(row)
    assert (now["description"], now["version"]) == (winner["description"], 2)


def test_two_updates_of_a_connection_at_once(api):
    """Connections are changed by compare-and-swap too."""
    created = {"name": "own", "method": "resource-principal"}
    made = api.ok("POST", CONNECTIONS, created)["appConnection"]
    meeting(api, "PutObject", f"connections/{made['id']}", 2)
    path = f"{CONNECTIONS}/{made['id']}"
    answers = at_once(
        api, ("PATCH", path, {"description": "one"}), ("PATCH", path, {"description": "two"})
    )
    api.cloud.before = lambda _call: None
    assert sorted(status for status, _ in answers) == [200, 409]
    assert api.ok("GET", path)["appConnection"]["version"] == 2


def test_a_lost_answer_is_ones_own_success(api):
    """A conditional write whose answer was lost is read back: the retry's 412 is no conflict."""
    lost = Fault(
        "PutObject", drop="answer", times=1, when=lambda c: "secret-syncs/" in c.name_or_id
    )
    api.cloud.faults.append(lost)
    row = api.create(isEnabled=False)
    api.cloud.faults.clear()
    api.cloud.faults.append(
        Fault("PutObject", drop="answer", times=1, when=lambda c: "secret-syncs/" in c.name_or_id)
    )
    row = api.ok("PATCH", f"{SYNCS}/{row['id']}", {"description": "d"})["secretSync"]
    assert (row["description"], row["version"]) == ("d", 2)
    assert len(api.objects("secret-syncs/")) == 1


def test_a_lock_that_a_crash_left(api):
    """A name that a crashed request holds is told as busy, and free again after two minutes."""
    held = {"worker": "crashed", "expiresAt": "2001-01-01T00:00:00Z"}
    api.store(f"locks/syncs/{PROJECT}/payments", held)
    assert api.create(isEnabled=False)["name"] == "payments"
    assert api.objects("locks/") == []
