"""What went too far is brought back, and what an edit left behind is cleared away."""

import re

import pytest

from tests.support.world import PROJECT

OF = ("-p", PROJECT)


def run_of(terminal, sync, action):
    """Return the id of the last run that did such a thing."""
    runs = terminal.json("history", sync.name, *OF, "--json")["runs"]
    return next(run["id"] for run in runs if run["changed"].get(action))


def test_deletions_are_undone(either, world):
    """undo names what comes back, switches the auto-sync off, and cancels the deletions of that run alone."""
    sync = world.sync(values={"A": "1", "B": "2", "C": "3", "D": "4", "E": "5"})
    sync.seed("billing_PASSWORD", b"not ours")
    assert "- billing_PASSWORD" in either.ok("sync", sync.name, *OF)
    first = run_of(either, sync, "delete")
    sync.delete("E")
    either.ok("sync", sync.name, *OF)
    assert "--yes" in either.refused("undo", sync.name, first, *OF, code=64)
    told = either.ok("undo", sync.name, first[:12], *OF, "--yes")
    assert "^ billing_PASSWORD\n" in told
    assert f"{sync.name}: succeeded  ^1 restore" in told
    assert sync.states["billing_PASSWORD"] == "ACTIVE"
    assert sync.states["E"] == "PENDING_DELETION"
    assert "auto-sync off" in either.ok("status", sync.name, *OF)


@pytest.mark.parametrize("schema", ["{{secretKey}}", "NEW_{{secretKey}}"])
def test_what_somebody_claimed_is_not_undone(terminal, world, schema):
    """A secret that another sync has taken over since stays as it is, and is told, also out of scope."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("OLD", b"x")
    terminal.ok("sync", sync.name, *OF)
    run = run_of(terminal, sync, "delete")
    other = world.sync(
        values={"OLD": "new"}, vault=sync.vault_id, options={"disableSecretDeletion": True}
    )
    assert "^1 restore" in terminal.ok("sync", other.name, *OF)
    sync.config["syncOptions"]["keySchema"] = schema
    sync.store()
    done = terminal.run("undo", sync.name, run, *OF, "--yes")
    assert done.returncode == 1
    assert "! OLD: it belongs to the sync " in done.stdout
    assert sync.live["OLD"] == "new"


def test_a_removal_is_undone(terminal, world):
    """What `remove` deleted comes back as well."""
    sync = world.sync(values={"A": "1"})
    terminal.ok("sync", sync.name, *OF)
    terminal.ok("remove", sync.name, *OF, "--yes")
    terminal.ok("undo", sync.name, run_of(terminal, sync, "delete"), *OF, "--yes")
    assert sync.states == {"A": "ACTIVE"}


@pytest.mark.parametrize("run", ["0" * 32, "zz"])
def test_a_run_that_deleted_nothing(terminal, world, run):
    """A run that is not known, or deleted nothing, cannot be undone."""
    sync = world.sync(values={"A": "1"})
    terminal.ok("sync", sync.name, *OF)
    assert "that deleted something" in terminal.refused("undo", sync.name, run, *OF, "--yes")
    made = run_of(terminal, sync, "create")
    assert "that deleted something" in terminal.refused("undo", sync.name, made, *OF, "--yes")


def test_what_a_key_schema_left_behind(either, world):
    """After an edit of the key schema, cleanup names what nobody writes any more, and deletes that alone."""
    sync = world.sync(values={"A": "1"}, options={"keySchema": "OLD_{{secretKey}}"})
    sync.seed("foreign", b"x")
    either.ok("sync", sync.name, *OF)
    assert either.ok("cleanup", sync.name, *OF) == "Nothing is left behind.\n"
    sync.config["syncOptions"]["keySchema"] = "NEW_{{secretKey}}"
    sync.store()
    either.ok("sync", sync.name, *OF)
    assert sync.live.keys() == {"OLD_A", "NEW_A", "foreign"}
    assert "--yes" in either.refused("cleanup", sync.name, *OF, code=64)
    told = either.ok("cleanup", sync.name, *OF, "--yes")
    assert told.startswith("- OLD_A\n")
    assert "-1 delete" in told
    assert sync.states == {"OLD_A": "PENDING_DELETION", "NEW_A": "ACTIVE", "foreign": "ACTIVE"}


def test_what_a_destination_left_behind(terminal, world):
    """After an edit of the vault, cleanup deletes what the sync wrote to the former one; another key leaves nothing."""
    sync, other = world.sync(values={"A": "1"}), world.sync(values={"B": "2"})
    terminal.ok("sync", sync.name, *OF)
    former = sync.vault_id
    sync.store(
        destinationConfig={
            **sync.config["destinationConfig"],
            "keyOcid": other.config["destinationConfig"]["keyOcid"],
        }
    )
    sync.store(destinationConfig=other.config["destinationConfig"])
    terminal.ok("sync", sync.name, *OF)
    told = terminal.ok("cleanup", sync.name, *OF, "--yes")
    assert re.findall(r"(?m)^- (\w+)$", told) == ["A"]
    assert world.cloud.vault.states(former) == {"A": "PENDING_DELETION"}
    assert terminal.ok("cleanup", sync.name, *OF) == "Nothing is left behind.\n"
