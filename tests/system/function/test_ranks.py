"""What counts less than a place that hides is not written, whenever and through whatever it hides."""

import pytest

from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from infra.local.oci.traffic import Fault

OVERWRITE = {"initialSyncBehavior": "overwrite-destination"}


class Ranked:
    """A folder that imports one key from two others, the second of which counts more."""

    def __init__(self, world, weak="weak"):
        self.world = world
        self.sync = world.sync(values={"OTHER": "1"})
        self.weak, self.strong = f"{self.sync.folder}-weak", f"{self.sync.folder}-strong"
        world.source.set("prod", self.weak, "K", weak)
        world.source.set("staging", self.strong, "K", "strong")
        world.source.add_import("dev", self.sync.folder, "prod", self.weak)
        world.source.add_import("dev", self.sync.folder, "staging", self.strong)
        self.sync.run()
        assert self.held == "strong"

    @property
    def held(self):
        return self.sync.live["K"]

    def hide(self):
        """Take the right to read the place that counts more away."""
        self.world.infisical.forbidden.add(("staging", self.strong))

    def change_weak(self):
        """Give the key another value where it counts less, and run."""
        self.world.source.set("prod", self.weak, "K", "changed")
        return self.sync.run()


@pytest.mark.parametrize("keeps_blocks", [False, True])
def test_a_lower_value_that_was_the_same(world, keeps_blocks):
    """A lower import that has the same value when the upper one hides does not count later either."""
    world.infisical.keeps_blocks = keeps_blocks
    ranked = Ranked(world, weak="strong")
    ranked.hide()
    assert ranked.sync.run()["message"] is None
    answer = ranked.change_weak()
    assert ranked.held == "strong"
    assert f"K: kept, the import staging:{ranked.strong} is not readable" in answer["message"]


def test_a_restored_secret_keeps_what_counts_more(world):
    """Somebody deletes the secret while the upper import hides: it is restored with the value that it had."""
    ranked = Ranked(world)
    ranked.hide()
    ranked.sync.edit("K", state="PENDING_DELETION")
    answer = ranked.sync.run()
    assert ranked.sync.states["K"] == "ACTIVE"
    assert ranked.held == "strong"
    assert f"K: kept, the import staging:{ranked.strong} is not readable" in answer["message"]


def test_mended_tags_say_nothing_of_what_counts(world):
    """Somebody takes the tags away while both values are the same: that they are mended makes the lower one no giver."""
    ranked = Ranked(world, weak="strong")
    ranked.hide()
    tags = world.cloud.vault.tags("K", ranked.sync.vault_id)
    ranked.sync.edit("K", freeformTags={OWNER_TAG: tags[OWNER_TAG]})
    ranked.sync.run()
    assert DIGEST_TAG in world.cloud.vault.tags("K", ranked.sync.vault_id)
    ranked.change_weak()
    assert ranked.held == "strong"


@pytest.mark.parametrize("how", ["row removed", "key deleted"])
def test_a_lower_value_that_is_meant(world, how):
    """Whoever removed the upper import, or its key, while both values were the same means the lower one."""
    ranked = Ranked(world, weak="strong")
    if how == "row removed":
        world.source.remove_import("dev", ranked.sync.folder, "staging", ranked.strong)
    else:
        world.source.delete("staging", ranked.strong, "K")
    ranked.sync.run()
    ranked.hide()
    assert ranked.change_weak()["message"] is None
    assert ranked.held == "changed"


def test_a_lower_value_of_a_target_that_was_the_same(world):
    """So it is where a folder that is referred to imports the target twice."""
    sync = world.sync(values={"URL": "u:${prod.twice.PW}"})
    for name in ("low", "high"):
        world.source.set("prod", f"/{name}", "PW", "same")
        world.source.add_import("prod", "/twice", "prod", f"/{name}")
    sync.run()
    world.infisical.forbidden.add(("prod", "/high"))
    sync.run()
    world.source.set("prod", "/low", "PW", "changed")
    answer = sync.run()
    assert (sync.live["URL"], "URL: kept" in answer["message"]) == ("u:same", True)
    world.infisical.forbidden.clear()
    world.source.delete("prod", "/high", "PW")
    sync.run()
    assert sync.live["URL"] == "u:changed"
    for path in ("/twice", "/low", "/high"):
        world.source.delete_folder("prod", path)


@pytest.mark.parametrize("how", ["memory lost", "sub-folders switched on"])
def test_a_lower_value_of_which_nothing_is_known(world, how):
    """Without memory a lower import's value is not written while an upper one cannot be read."""
    ranked = Ranked(world)
    ranked.hide()
    if how == "memory lost":
        ranked.sync.forget()
    else:
        ranked.sync.store(syncOptions=OVERWRITE | {"includeAllSubFolders": True})
    for _ in range(2):
        answer = ranked.sync.run()
        assert ranked.held == "strong"
        assert "K: kept, it is not known which import" in answer["message"]
    world.infisical.forbidden.clear()
    world.source.delete("staging", ranked.strong, "K")
    assert ranked.sync.run()["message"] is None
    assert ranked.held == "weak"


def test_another_folder_counts_as_it_is_shown(world):
    """After an edit to a folder whose upper import hides, what is shown there counts: that is what was meant."""
    ranked = Ranked(world)
    other = world.sync(values={"K": "own"}, isAutoSyncEnabled=False)
    other.store(secretPath=other.folder, destinationConfig=other.config["destinationConfig"])
    other.run()
    ranked.hide()
    other.store(secretPath=ranked.sync.folder)
    other.run()
    assert other.live["K"] == "weak"


def unfinished(world, sync):
    """Run a sync that writes what it should, but cannot come to its end."""
    sync.set("BUSY", "1")
    world.cloud.faults.append(
        Fault(
            "CreateSecret", 500, "InternalServerError", when=lambda call: call.name_or_id == "BUSY"
        )
    )
    sync.webhook()
    world.cloud.faults.clear()
    world.queue.messages.clear()
    world.age(60)
    assert "BUSY" not in sync.live


def test_what_a_run_wrote_that_did_not_come_to_its_end(world):
    """Where a key came from is known as soon as it was written: what hides then is not taken for gone."""
    sync = world.sync(values={"OWN": "1", "URL": "text", "OTHER": "1"})
    sync.run()
    sync.delete("OWN")
    imported = f"{sync.folder}-imported"
    world.source.set("prod", imported, "OWN", "2")
    world.source.add_import("dev", sync.folder, "prod", imported)
    sync.set("URL", f"${{prod.{imported[1:]}.OWN}}")
    unfinished(world, sync)
    assert sync.live == {"OWN": "2", "URL": "2", "OTHER": "1"}
    world.infisical.forbidden.add(("prod", imported))
    sync.run()
    assert sync.live == {"OWN": "2", "URL": "2", "OTHER": "1", "BUSY": "1"}
    world.infisical.forbidden.clear()
    world.source.delete_folder("prod", imported)
    answer = sync.run()
    assert sync.live == {"URL": "2", "OTHER": "1", "BUSY": "1"}
    assert "URL: kept, it refers to" in answer["message"]


def test_an_import_that_replaced_another_in_such_a_run(world):
    """So it is where one import took the place of another, and hides then."""
    ranked = Ranked(world)
    middle = f"{ranked.sync.folder}-middle"
    world.source.set("prod", middle, "K", "middle")
    imports = world.source.folders["dev", ranked.sync.folder].imports
    imports[:] = [imports[0], ("prod", middle)]
    unfinished(world, ranked.sync)
    assert ranked.held == "middle"
    world.infisical.forbidden.add(("prod", middle))
    ranked.sync.run()
    assert ranked.held == "middle"


def test_what_was_right_in_such_a_run(world):
    """A key that comes from another place with the same value is known by it, too, before a run comes to its end."""
    sync = world.sync(values={"A": "1", "B": "1"})
    sync.run()
    sync.delete("A")
    imported = f"{sync.folder}-imported"
    world.source.set("prod", imported, "A", "1")
    world.source.add_import("dev", sync.folder, "prod", imported)
    unfinished(world, sync)
    world.infisical.forbidden.add(("prod", imported))
    sync.run()
    assert sync.live == {"A": "1", "B": "1", "BUSY": "1"}


def test_a_lower_value_in_a_sub_folder_of_which_nothing_is_known(world):
    """Where sub-folders are told apart it is their own imports that are asked."""
    options = {"includeAllSubFolders": True, "keySchema": "{{folderPath}}_{{secretKey}}"}
    sync = world.sync(options=options)
    world.source.set("dev", f"{sync.folder}/sub", "X", "1")
    for name in ("low", "high"):
        world.source.set("prod", f"{sync.folder}-{name}", "K", name)
        world.source.add_import("dev", f"{sync.folder}/sub", "prod", f"{sync.folder}-{name}")
    sync.run()
    sync.forget()
    world.infisical.forbidden.add(("prod", f"{sync.folder}-high"))
    sync.run()
    assert sync.live == {"sub_X": "1", "sub_K": "high"}
