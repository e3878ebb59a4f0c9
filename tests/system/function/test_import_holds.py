"""What an import could not bring into the source is held, until the source's value changes or somebody decides."""

import pytest

IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}


@pytest.fixture
def held(world):
    """An import sync whose source refuses to take the vault's value of one key."""
    sync = world.sync(values={"A": "1", "ROTATED": "source"}, options=IMPORT_FIRST)
    sync.seed("ROTATED", b"vault")
    world.infisical.rotated.add("ROTATED")
    sync.run()
    assert sync.live == {"A": "1", "ROTATED": "vault"}
    return sync


def held_below_a_hidden_import(world, *, lower):
    """Return an import sync whose key K is held, of two imports that give it; the upper one hides by now."""
    sync = world.sync(options=IMPORT_FIRST)
    for name, value in (("lower", lower), ("upper", "source")):
        world.source.set("prod", f"{sync.folder}-{name}", "K", value)
        world.source.add_import("dev", sync.folder, "prod", f"{sync.folder}-{name}")
    sync.seed("K", b"vault")
    world.infisical.approvals = True
    sync.run()
    world.infisical.forbidden.add(("prod", f"{sync.folder}-upper"))
    return sync


def test_a_held_key_says_why_and_what_to_do(held):
    """Key, reason and way out stand in the message of the sync and of the import."""
    for _ in range(2):
        held.run()
        message = held.status.sync.message
        assert "ROTATED: kept, its value could not be imported into the source" in message
        assert "(the source refused it (PATCH" in message
        assert (
            "once its value there changes, or after an import that prioritizes the source"
            in message
        )
    assert held.status.import_.status == "failed"
    assert "ROTATED" in held.status.import_.message
    assert held.live["ROTATED"] == "vault"


def test_a_changed_value_counts(held):
    """The source counts again, for good, once its value is another than it was at the import."""
    held.set("ROTATED", "new")
    assert (held.run()["outcome"], held.live["ROTATED"]) == ("succeeded", "new")
    held.set("ROTATED", "source")
    assert (held.run()["outcome"], held.live["ROTATED"]) == ("succeeded", "source")


def test_a_value_that_is_lost_for_a_while_is_no_change(world, held):
    """A key that is away, hidden or wrong for a while, and then as it was, is held as before."""
    held.delete("ROTATED")
    held.run()
    held.set("ROTATED", "source")
    world.infisical.hidden.add(("dev", held.folder, "ROTATED"))
    held.run()
    world.infisical.hidden.clear()
    held.run()
    assert held.live["ROTATED"] == "vault"


@pytest.mark.parametrize("keeps_blocks", [False, True])
def test_a_value_of_a_lower_import_is_no_change(world, keeps_blocks):
    """What a lower import gives while an upper one hides does not end the hold, and is not written."""
    world.infisical.keeps_blocks = keeps_blocks
    sync = held_below_a_hidden_import(world, lower="lower")
    assert "K: kept, the import prod:" in sync.run()["message"]
    world.infisical.forbidden.clear()
    assert "K: kept, its value could not be imported" in sync.run()["message"]
    assert sync.live == {"K": "vault"}


def test_a_reference_that_leads_nowhere_for_a_while_is_no_change(world):
    """A reference in the source's value that does not resolve for a while does not end the hold."""
    sync = world.sync(values={"ROTATED": "${prod.held.PW}"}, options=IMPORT_FIRST)
    world.source.set("prod", "/held", "PW", "1")
    sync.seed("ROTATED", b"vault")
    world.infisical.rotated.add("ROTATED")
    sync.run()
    world.source.delete("prod", "/held", "PW")
    sync.run()
    world.source.set("prod", "/held", "PW", "1")
    sync.run()
    assert sync.live == {"ROTATED": "vault"}
    world.source.set("prod", "/held", "PW", "2")
    sync.run()
    assert sync.live == {"ROTATED": "2"}
    world.source.delete_folder("prod", "/held")


def test_an_import_that_prioritizes_the_source(world, held):
    """The command `import` with the source's priority ends the hold."""
    world.command("import", held, importBehavior="prioritize-source")
    assert held.live["ROTATED"] == "vault", "an import pushes nothing"
    assert held.run()["outcome"] == "succeeded"
    assert held.live["ROTATED"] == "source"


def test_an_import_that_prioritizes_the_vault_again(world, held):
    """Once the source takes the value, a repeated import ends the hold the other way."""
    world.infisical.rotated.clear()
    world.command("import", held, importBehavior="prioritize-destination")
    assert held.run()["outcome"] == "succeeded"
    assert held.live["ROTATED"] == "vault"
    assert world.source.folders["dev", held.folder].get("ROTATED").value == "vault"


def test_approval_policies_hold_too(world):
    """A change that waits for approval is held in the same way, and ends in the same way."""
    sync = world.sync(values={"A": "source"}, options=IMPORT_FIRST)
    sync.seed("A", b"vault")
    world.infisical.approvals = True
    sync.run()
    sync.run()
    assert sync.live == {"A": "vault"}
    assert "waits for approval" in sync.status.sync.message
    sync.set("A", "approved")
    sync.run()
    assert sync.live == {"A": "approved"}


def test_a_lower_import_that_has_the_vault_s_value(world):
    """That a lower import happens to have the vault's value while the upper one hides settles nothing."""
    sync = held_below_a_hidden_import(world, lower="vault")
    sync.run()
    world.infisical.forbidden.clear()
    sync.run()
    assert sync.live == {"K": "vault"}
