"""A sync whose key schema tells sub-folders apart."""

import pytest

BY_FOLDER = {
    "includeAllSubFolders": True,
    "keySchema": "{{environment}}_{{folderPath}}_{{secretKey}}",
}


@pytest.fixture
def sync(world):
    """A sync with the same key in its folder and two below."""
    sync = world.sync(values={"PASSWORD": "top"}, options=BY_FOLDER)
    below(sync, "db", "PASSWORD", "db")
    below(sync, "db/users", "PASSWORD", "users")
    return sync


def below(sync, path, key, value):
    """Set a key of a sub-folder."""
    sync.world.source.set("dev", f"{sync.folder}/{path}", key, value)


def test_the_same_key_in_several_folders(sync):
    """Each folder's key has a name of its own, and each is followed by itself."""
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {
        "dev_PASSWORD": "top",
        "dev_db_PASSWORD": "db",
        "dev_db_users_PASSWORD": "users",
    }
    below(sync, "db", "PASSWORD", "new")
    sync.world.source.delete("dev", f"{sync.folder}/db/users", "PASSWORD")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"dev_PASSWORD": "top", "dev_db_PASSWORD": "new"}


def test_a_webhook_of_a_sub_folder(sync):
    """A webhook of a sub-folder syncs that folder's key."""
    assert sync.world.webhook(f"{sync.folder}/db/users")[0] == 200
    assert sync.live["dev_db_users_PASSWORD"] == "users"


def test_an_error_holds_one_key(world, sync):
    """A key that cannot be read stays as it is, and the same key of other folders is synced."""
    sync.run()
    world.source.set("prod", "/vault", "P", "1")
    world.infisical.forbidden.add(("prod", "/vault"))
    below(sync, "db", "PASSWORD", "${prod.vault.P}")
    below(sync, "db/users", "PASSWORD", "new")
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "dev_db_PASSWORD" in answer["message"]
    assert sync.live == {
        "dev_PASSWORD": "top",
        "dev_db_PASSWORD": "db",
        "dev_db_users_PASSWORD": "new",
    }


def test_names_that_come_to_the_same(sync):
    """Two folders whose keys would have one name stop the sync, and both are named."""
    sync.run()
    below(sync, "db_users", "PASSWORD", "other")
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert '"dev_db_users_PASSWORD" in db/users/PASSWORD and db_users/PASSWORD' in answer["message"]
    assert sync.live["dev_db_users_PASSWORD"] == "users"


def test_a_flat_sync_says_how_to_tell_folders_apart(world):
    """Without the folder in the key schema the same key in two folders stops the sync, with the way out."""
    sync = world.sync(values={"K": "1"}, options={"includeAllSubFolders": True})
    below(sync, "db", "K", "2")
    assert "put {{folderPath}} into the key schema" in sync.run()["message"]


def test_an_import_that_a_sub_folder_lost(world, sync):
    """A key that a sub-folder imports is kept while its place hides, and goes when the import is removed."""
    world.source.set("prod", "/shared", "SHARED", "1")
    for path in ("db", "db/users"):
        world.source.add_import("dev", f"{sync.folder}/{path}", "prod", "/shared")
    sync.run()
    assert {name for name in sync.live if "SHARED" in name} == {
        "dev_db_SHARED",
        "dev_db_users_SHARED",
    }
    world.infisical.forbidden.add(("prod", "/shared"))
    answer = sync.run()
    assert "dev_db_SHARED: kept, the import prod:/shared is not readable" in answer["message"]
    world.source.remove_import("dev", f"{sync.folder}/db", "prod", "/shared")
    sync.run()
    assert {name for name in sync.live if "SHARED" in name} == {"dev_db_users_SHARED"}


def test_a_sub_folder_that_hides(world, sync):
    """The keys of a sub-folder that may not be read any more are kept."""
    sync.run()
    world.infisical.forbidden.add(("dev", f"{sync.folder}/db"))
    assert "dev_db_PASSWORD: kept" in sync.run()["message"]
    assert len(sync.live) == 3


def test_an_import_goes_to_the_folder_of_the_key(world, sync):
    """Changed and new secrets go back into the sub-folder whose key they are, or that they begin with."""
    sync.run()
    sync.edit("dev_db_users_PASSWORD", value=b"vault")
    sync.seed("dev_db_NEW", b"1")
    sync.seed("dev_TOP", b"2")
    answer = world.command("import", sync, importBehavior="prioritize-destination")
    assert answer["outcome"] == "succeeded"
    folders = world.source.folders
    assert folders["dev", f"{sync.folder}/db/users"].get("PASSWORD").value == "vault"
    assert folders["dev", f"{sync.folder}/db"].get("NEW").value == "1"
    assert folders["dev", sync.folder].get("TOP").value == "2"
    held = sync.live
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == held


def test_a_flat_sync_that_takes_up_folders(world):
    """Once folders are told apart keys of sub-folders get new names, and the old ones go by the usual rules."""
    options = {"includeAllSubFolders": True, "keySchema": "{{environment}}_{{secretKey}}"}
    sync = world.sync(values={f"OWN{n}": "1" for n in range(5)}, options=options)
    below(sync, "db", "PASSWORD", "1")
    sync.run()
    sync.store(syncOptions={**sync.config["syncOptions"], **BY_FOLDER})
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live.keys() == {"dev_db_PASSWORD", *(f"dev_OWN{n}" for n in range(5))}
    assert sync.memory.keys.keys() == {"db/PASSWORD", *(f"OWN{n}" for n in range(5))}
