"""What each command of the client does, by either way to the function, and what it prints."""

import json
import re

import pytest

from infra.local.http import Answer, Server
from tests.support.world import PROJECT

OF = ("-p", PROJECT)
SCHEMA = {"keySchema": "P_{{secretKey}}"}
ID = "00000000-0000-4000-8000-000000000001"


def test_a_sync_from_the_first_look_to_its_removal(either, world):
    """Look, plan, sync, look at the history, remove: each says what is and what was done, by name."""
    sync = world.sync(values={"A": "1", "B": "2"}, options=SCHEMA)
    assert re.search(
        rf"^{sync.name}  never synced  dev:{sync.folder}  never$",
        either.ok("list", *OF),
        re.MULTILINE,
    )
    planned = either.ok("plan", sync.name, *OF, "--detailed-exitcode", code=2)
    assert planned.splitlines()[1:] == ["  + P_A", "  + P_B"]
    assert re.match(
        rf"{sync.name}: \+2 create  \(fingerprint [0-9a-f]{{16}}\)$",
        planned.splitlines()[0],
    )
    assert sync.live == {}
    assert either.ok("sync", sync.name, *OF).startswith(f"{sync.name}: succeeded  +2 create")
    assert sync.live == {"P_A": "1", "P_B": "2"}
    again = either.ok("plan", sync.name, *OF, "--detailed-exitcode")
    assert "The vault is as the source wants it. Nothing would be done." in again
    told = either.ok("history", sync.name, *OF)
    assert re.search(
        r"sync  api( by \w+)?  succeeded  \+2 create.*\n    \+ P_A\n    \+ P_B\n", told
    )
    asked = either.run("remove", sync.name, *OF)
    assert (asked.returncode, asked.stdout) == (64, "- P_A\n- P_B\n")
    assert "Schedule the deletion of 2 secrets? Without a terminal, say --yes." in asked.stderr
    assert "-2 delete" in either.ok("remove", sync.name, *OF, "--yes")
    assert set(sync.states.values()) == {"PENDING_DELETION"}
    answer = either.json("remove", sync.name, *OF, "--yes", "--json")
    assert answer["secretSync"]["removeStatus"] == "succeeded"


def test_a_sync_is_shown(either, world):
    """The status tells source, destination, scope and what was last said of it; --json is the API's row."""
    sync = world.sync(values={"A": "1"}, options=SCHEMA)
    shown = dict(
        re.split(r"  +", line, maxsplit=1)
        for line in either.ok("status", sync.name, *OF).splitlines()
    )
    assert shown["name"] == sync.name
    assert shown["status"] == "never synced"
    assert shown["source"] == f"{PROJECT} dev:{sync.folder}"
    assert shown["vault"] == sync.vault_id
    assert shown["key schema"] == "P_{{secretKey}}"
    assert shown["last success"] == "never"
    row = either.json("status", sync.name, *OF, "--json")["secretSync"]
    assert (row["id"], row["name"]) == (shown["id"], sync.name)
    assert either.json("status", row["id"], "--json")["secretSync"]["name"] == sync.name


def test_a_bundle_is_planned_by_key(either, world):
    """The plan of a bundle has a line for each key that is added, changed or removed."""
    sync = world.sync(values={"A": "1", "B": "2"}, options={"bundle": {"name": "app"}})
    assert either.ok("plan", sync.name, *OF).splitlines()[1:] == ["  + app", "  +   A", "  +   B"]
    either.ok("sync", sync.name, *OF)
    sync.set("A", "new")
    sync.delete("B")
    assert either.ok("plan", sync.name, *OF).splitlines()[1:] == ["  ~ app", "  -   B", "  ~   A"]
    assert "a bundle: app" in either.ok("status", sync.name, *OF)


def test_a_guard_holds_and_is_forced(either, world):
    """A guard ends with 3 and shows what is held; with the plan's fingerprint the sync goes through."""
    sync = world.sync(values={"A": "1"})
    either.ok("sync", sync.name, *OF)
    sync.delete("A")
    planned = either.ok("plan", sync.name, *OF, code=3)
    assert "- A" in planned
    assert "stopped: " in planned
    [fingerprint] = re.findall(r"fingerprint ([0-9a-f]{16})", planned)
    held = either.run("sync", sync.name, *OF)
    assert held.returncode in (1, 3)
    assert sync.live == {"A": "1"}
    assert "-1 delete" in either.ok("sync", sync.name, *OF, "--force", fingerprint)
    assert sync.states == {"A": "PENDING_DELETION"}


def test_a_failed_sync_is_never_exit_0(either, world):
    """A sync that fails ends with 1 and says why, although the API answers 200."""
    sync = world.sync(values={"A": "1"})
    sync.store(secretPath="/not-there")
    done = either.run("sync", sync.name, *OF)
    assert done.returncode == 1
    assert f"{sync.name}: failed" in done.stdout
    assert "has no folder /not-there" in done.stdout
    assert sync.name in either.ok("list", *OF, "--failing", code=1)
    assert either.ok("status", sync.name, *OF, code=1)


def test_what_takes_long_is_waited_for(terminal, world):
    """A sync that has to wait is followed to its end, or ends with 4 when the time is over."""
    sync = world.sync(values={"A": "1"})
    sync.seed("BUSY", state="UPDATING")
    done = terminal.run("sync", sync.name, *OF, "--wait", "0")
    assert done.returncode == 4
    assert f"{sync.name}: still at it" in done.stdout


def test_only_what_fails_is_listed(terminal, world):
    """--failing leaves out what is well, and ends with 0 if nothing fails."""
    sync = world.sync(values={"A": "1"})
    terminal.ok("sync", sync.name, *OF)
    assert terminal.ok("list", *OF, "--failing") == "No syncs.\n"
    world.bucket.put(f"secret-syncs/{PROJECT}/odd.json", b"{")
    assert "broken: " in terminal.ok("list", *OF, "--failing", code=1)
    assert terminal.ok("list", *OF).count("broken: ") == 1


def test_a_broken_sync_is_named_with_its_reason(either, world):
    """A command for a sync whose config is broken says what is wrong with it."""
    world.bucket.put(f"secret-syncs/{PROJECT}/odd.json", b"{")
    assert f"{PROJECT}/odd.json: body: " in either.refused("status", "odd", *OF)
    assert "There is no sync never-made." in either.refused("status", "never-made", *OF)


@pytest.mark.parametrize("words", [["remove"], ["import"], ["enable"]])
def test_what_cannot_be_taken_back_is_asked(terminal, world, words):
    """Without a terminal to ask on, what writes asks for --yes and does nothing."""
    sync = world.sync(values={"A": "1"}, isAutoSyncEnabled=False)
    said = terminal.refused(*words, sync.name, *OF, code=64)
    assert "Without a terminal, say --yes." in said
    assert sync.status.runs == []


def test_the_auto_sync_is_switched(either, world):
    """Auto-sync is switched off without a question, and on with one; then it syncs at once."""
    sync = world.sync(values={"A": "1"})
    assert "auto-sync is off" in either.ok("disable", sync.name, *OF)
    assert "never synced, auto-sync off" in either.ok("list", *OF)
    assert "+1 create" in either.ok("enable", sync.name, *OF, "-y")
    assert sync.live == {"A": "1"}


def test_an_edit_shows_whichever_run_was_quicker(terminal):
    """After an edit the runs of the event and of the API both count, and none from before it."""

    def run(name, **counts):
        said = {"changed": {}, "drift": [], "errors": {}, "message": None}
        return {"id": name, "jobId": name, "outcome": "succeeded", "counts": counts, **said}

    row = {"id": ID, "name": "payments", "syncStatus": "succeeded", "isAutoSyncEnabled": True}
    row |= {"lastSyncJobId": "api", "lastSyncMessage": None}
    runs = [run("earlier", create=9)]

    def serve(request):
        if request.method == "PATCH":
            runs[:0] = [run("api", unchanged=1), run("event", create=1)]
        is_runs = request.path.endswith("/runs")
        return Answer(200, {"runs": runs} if is_runs else {"secretSync": row})

    server = Server(serve)
    try:
        said = terminal.ok("enable", ID, "-y", VAULTSYNC_URL=server.url)
    finally:
        server.stop()
    assert said == "payments: succeeded  +1 create, 1 unchanged\n"


def test_secrets_are_imported(either, world):
    """An import brings the vault's secrets into the source, and says how many."""
    sync = world.sync(options=SCHEMA)
    sync.seed("P_OLD", b"held")
    assert "1 imported" in either.ok("import", sync.name, *OF, "--yes")
    assert world.source.folders["dev", sync.folder].get("OLD").value == "held"


def test_plans_of_several_syncs(terminal, world):
    """Of several syncs the worst counts: an error before a guard before changes."""
    one, two = world.sync(values={"A": "1"}), world.sync(values={"B": "1"})
    assert (
        terminal.ok("plan", one.name, two.name, *OF, "--detailed-exitcode", code=2).count(
            "fingerprint"
        )
        == 2
    )
    assert terminal.ok("plan", "--all", *OF).count("fingerprint") == 2
    two.store(secretPath="/not-there")
    done = terminal.run("plan", "--all", *OF, "--detailed-exitcode")
    assert done.returncode == 1
    assert f"{two.name}: " in done.stderr
    assert f"{one.name}: +1 create" in done.stdout


def test_plans_for_machines(terminal, world):
    """JSON is the API's answer unchanged; of several syncs it is a list with names."""
    one, two = world.sync(values={"A": "1"}), world.sync(values={"B": "1"})
    alone = terminal.json("plan", one.name, *OF, "-o", "json")
    assert alone["plan"]["changes"][0]["name"] == "A"
    several = terminal.json("plan", one.name, two.name, *OF, "-o", "json")
    assert [row["sync"] for row in several] == [one.name, two.name]


def test_a_plan_for_a_pull_request(terminal, world):
    """Markdown has a heading a sync and its changes as a diff, within what a comment may hold."""
    sync = world.sync(values={f"KEY_{n:04}_{'x' * 100}": "1" for n in range(700)})
    text = terminal.ok("plan", sync.name, *OF, "-o", "markdown")
    assert text.startswith(f"### {sync.name}: +700 create\n\n```diff\n+ KEY_0000_")
    assert "\n... and more\n```\n" in text
    assert len(text) < 65_536


def test_a_name_that_two_projects_have(terminal, world):
    """Without a project all are listed; a name that two of them have asks for the project."""
    sync = world.sync(values={"A": "1"})
    other = json.dumps(sync.config | {"projectId": "other"})
    world.bucket.put(f"secret-syncs/other/{sync.name}.json", other.encode())
    assert terminal.ok("list").count(f"{sync.name}  never synced") == 2
    said = terminal.refused("status", sync.name, code=64)
    assert f"say which by -p: {', '.join(sorted([PROJECT, 'other']))}" in said
    assert f"other dev:{sync.folder}" in terminal.ok("status", sync.name, "-p", "other")


def test_all_syncs_are_stopped_at_once(either, world):
    """While all is paused a sync is refused and says since when; resuming asks."""
    sync = world.sync(values={"A": "1"})
    try:
        assert "All syncs are paused." in either.ok("pause")
        assert "All syncs are paused since " in either.refused("sync", sync.name, *OF)
        assert "say --yes" in either.refused("resume", code=64)
    finally:
        assert "All syncs go on." in either.ok("resume", "--yes")
    assert "+1 create" in either.ok("sync", sync.name, *OF)


def test_everything_is_checked(either, world):
    """Each thing that a sync needs has a line; what is wrong is told with its reason, and ends with 1."""
    assert either.ok("check").splitlines() == ["+ store", "+ queue", "+ source", "+ who asks"]
    sync = world.sync(values={"A": "1"})
    of_one = either.ok("check", sync.name, *OF).splitlines()
    assert of_one[3:] == [f"+ {sync.name}: folder", f"+ {sync.name}: destination", "+ who asks"]
    folder = either.file(
        "wrong.json",
        {"name": "a", "projectId": PROJECT, "environment": "dev", "secretPath": "/gone"},
    )
    lines = either.ok("check", "-f", folder, code=1).splitlines()
    assert lines[4].startswith("! a: folder: ")


def test_text_from_elsewhere_does_nothing_to_the_terminal(terminal, world):
    """Control characters in what the function says are not passed on."""
    world.bucket.put(f"secret-syncs/{PROJECT}/odd.json", json.dumps({"\x1b[2J": 1}).encode())
    assert "\x1b" not in terminal.ok("list", *OF)


def test_an_answer_that_is_none(terminal, world, user):
    """What answers without JSON is told by its status."""
    server = Server(lambda _request: Answer(503, b"<html>", {"content-type": "text/html"}))
    try:
        said = terminal.refused("list", VAULTSYNC_URL=server.url)
    finally:
        server.stop()
    assert "The function answered 503." in said
