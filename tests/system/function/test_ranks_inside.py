"""Imports of imports: what the first of them hides is not replaced by what another gives."""

import pytest


class Nested:
    """A folder that imports one which has its key from the first of two imports of its own."""

    def __init__(self, world, *, hidden=()):
        self.world = world
        self.sync = world.sync(values={"OTHER": "1"})
        self.middle = f"{self.sync.folder}-middle"
        for name in ("first", "second"):
            world.source.set("prod", f"{self.middle}-{name}", "K", name)
            world.source.add_import("dev", self.middle, "prod", f"{self.middle}-{name}")
        world.source.add_import("dev", self.sync.folder, "dev", self.middle)
        for name in hidden:
            self.hide(name)
        self.sync.run()

    @property
    def held(self):
        return self.sync.live["K"]

    def hide(self, name):
        """Take the right to read one of the inner imports away."""
        self.world.infisical.forbidden.add(("prod", f"{self.middle}-{name}"))

    def set(self, name, value):
        """Give the key another value in one of the inner imports, and run."""
        self.world.source.set("prod", f"{self.middle}-{name}", "K", value)
        return self.sync.run()


@pytest.mark.parametrize("keeps_blocks", [False, True])
def test_an_import_of_an_import_that_hides(world, keeps_blocks):
    """A key that an imported folder has from another import of its own now is kept while the former hides."""
    world.infisical.keeps_blocks = keeps_blocks
    nested = Nested(world)
    assert nested.held == "first"
    nested.hide("first")
    answer = nested.sync.run()
    assert nested.held == "first"
    assert f"K: kept, an import of the import dev:{nested.middle}" in answer["message"]
    world.infisical.forbidden.clear()
    assert nested.sync.run()["message"] is None


@pytest.mark.parametrize("how", ["row removed", "key deleted", "folder deleted", "own key"])
def test_an_import_of_an_import_that_is_meant(world, how):
    """Whoever takes the former away, or sets the key in the imported folder itself, means what is left."""
    nested = Nested(world)
    first = f"{nested.middle}-first"
    match how:
        case "row removed":
            world.source.remove_import("dev", nested.middle, "prod", first)
        case "key deleted":
            world.source.delete("prod", first, "K")
        case "folder deleted":
            world.source.delete_folder("prod", first)
        case "own key":
            nested.hide("first")
            world.source.set("dev", nested.middle, "K", "second")
    assert nested.sync.run()["message"] is None
    assert nested.held == "second"


@pytest.mark.parametrize(("hidden", "gives"), [("first", "second"), ("second", "first")])
def test_an_import_of_an_import_that_always_hid(world, hidden, gives):
    """An inner import that never gave the key holds none of its changes."""
    nested = Nested(world, hidden=[hidden])
    assert nested.held == gives
    assert nested.set(gives, "new")["message"] is None
    assert nested.held == "new"


@pytest.mark.parametrize("is_imported", [True, False])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_target_from_an_import_of_an_import(world, depth, is_imported):
    """So it is with what a reference leads to, however deep it lies, and whether the sync imports it too."""
    sync = world.sync()
    middle, deep = f"{sync.folder}-middle", f"{sync.folder}-deep"
    into = deep if depth == 2 else middle
    if depth == 2:
        world.source.add_import("dev", middle, "dev", deep)
    is_nested = (
        depth == 2 or is_imported
    )  # there the first counts, in a folder that is listed the last
    for name in ("high", "low") if is_nested else ("low", "high"):
        world.source.set("prod", f"{sync.folder}-{name}", "K", name)
        world.source.add_import("dev", into, "prod", f"{sync.folder}-{name}")
    if is_imported:
        world.source.add_import("dev", sync.folder, "dev", middle)
    sync.set("URL", f"u:${{dev.{middle[1:]}.K}}")
    sync.run()
    assert sync.live["URL"] == "u:high"
    world.infisical.forbidden.add(("prod", f"{sync.folder}-high"))
    assert "URL: kept, " in sync.run()["message"]
    assert sync.live["URL"] == "u:high"
    world.infisical.forbidden.clear()
    assert sync.run()["message"] is None
    world.source.remove_import("dev", into, "prod", f"{sync.folder}-high")
    assert sync.run()["message"] is None
    assert sync.live["URL"] == "u:low"


def test_a_target_that_an_imported_folder_holds_itself(world):
    """What an imported folder holds counts before what it imports, and is not held twice, for references as well."""
    sync = world.sync()
    middle, deep = f"{sync.folder}-middle", f"{sync.folder}-deep"
    world.source.set("dev", middle, "K", "own")
    world.source.set("dev", deep, "K", "deep")
    world.source.add_import("dev", middle, "dev", deep)
    world.source.add_import("dev", sync.folder, "dev", middle)
    sync.set("URL", f"u:${{dev.{middle[1:]}.K}}")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"K": "own", "URL": "u:own"}
