"""What the source does not show, though it has it, is not written into it by an import."""

import pytest

IMPORT_FIRST = {"initialSyncBehavior": "import-prioritize-destination"}
PRIORITIES = ("prioritize-source", "prioritize-destination")


@pytest.fixture
def sync(world):
    """A sync whose folder has a key from two imports, one that refers to another folder, and one of its own."""
    sync = world.sync(values={"URL": "u:${prod.imported.PW}", "OWN": "1"})
    for name in ("low", "high"):
        world.source.set("prod", f"{sync.folder}-{name}", "K", name)
        world.source.add_import("dev", sync.folder, "prod", f"{sync.folder}-{name}")
    world.source.set("prod", "/imported", "PW", "pw")
    sync.run()
    assert sync.live == {"K": "high", "URL": "u:pw", "OWN": "1"}
    yield sync
    world.source.delete_folder("prod", "/imported")


def own(sync):
    """Return what the folder itself holds."""
    return {row.key: row.value for row in sync.world.source.folders["dev", sync.folder].secrets}


def hide(sync, *names):
    """Take the right to read imports away."""
    sync.world.infisical.forbidden |= {("prod", f"{sync.folder}-{name}") for name in names}


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("hidden", [("low", "high"), ("high",)])
def test_a_key_of_an_import_that_hides(world, sync, priority, hidden):
    """A copy in the folder itself would count before the import for ever: it is named instead, and healed later."""
    hide(sync, *hidden)
    before = own(sync)
    answer = world.command("import", sync, importBehavior=priority)
    assert own(sync) == before
    is_asked = hidden == ("low", "high") or priority == "prioritize-destination"
    assert ("K: the import prod:" in (answer["message"] or "")) == is_asked
    world.infisical.forbidden.clear()
    world.source.set("prod", f"{sync.folder}-high", "K", "new")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live["K"] == "new"


@pytest.mark.parametrize("how", ["place hides", "key is gone"])
def test_a_reference_that_leads_nowhere(world, sync, how):
    """A reference in the source is not replaced by the value that it once had."""
    before = own(sync)
    if how == "place hides":
        world.infisical.forbidden.add(("prod", "/imported"))
    else:
        world.source.delete("prod", "/imported", "PW")
    answer = world.command("import", sync, importBehavior="prioritize-destination")
    assert own(sync) == before
    assert "URL: it refers to prod:/imported" in answer["message"]


@pytest.mark.parametrize("priority", PRIORITIES)
def test_what_is_gone_is_imported(world, sync, priority):
    """What somebody deleted in the source, or took out of its imports, an import brings back as ever."""
    sync.delete("OWN")
    for name in ("low", "high"):
        world.source.remove_import("dev", sync.folder, "prod", f"{sync.folder}-{name}")
    assert world.command("import", sync, importBehavior=priority)["outcome"] == "succeeded"
    assert own(sync) == {"URL": "u:${prod.imported.PW}", "OWN": "1", "K": "high"}


def test_a_lesser_import_leaves_the_first_one_due(world):
    """An import that only adds what the source lacks is not the initial one that takes what differs."""
    sync = world.sync(values={"A": "source"}, options=IMPORT_FIRST, isAutoSyncEnabled=False)
    for name in ("A", "B"):
        sync.seed(name, b"vault")
    world.command("import", sync, importBehavior="prioritize-source")
    assert own(sync) == {"A": "source", "B": "vault"}
    sync.run()
    assert sync.live == own(sync) == {"A": "vault", "B": "vault"}
    sync.set("A", "new")
    sync.run()
    assert sync.live["A"] == "new"


def test_an_import_of_all_is_the_first_one(world):
    """An import that takes what differs is not done again by the first sync."""
    sync = world.sync(values={"A": "source"}, options=IMPORT_FIRST, isAutoSyncEnabled=False)
    sync.seed("A", b"vault")
    world.command("import", sync, importBehavior="prioritize-destination")
    sync.set("A", "new")
    sync.run()
    assert sync.live == own(sync) == {"A": "new"}
