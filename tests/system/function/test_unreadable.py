"""What cannot be read is not gone: imports, folders and environments that hide, and wishes that count."""

import pytest

from infra.local.infisical.source import Secret

ALL_BELOW = {"initialSyncBehavior": "overwrite-destination", "includeAllSubFolders": True}


class App:
    """A folder that imports from two others, the second of which counts more, and refers to it."""

    def __init__(self, world):
        self.world = world
        self.sync = world.sync(values={"URL": "${SCHEMA}://db.internal", "OTHER": "1"})
        self.folder = self.sync.folder
        self.base, self.shared = f"{self.folder}-base", f"{self.folder}-shared"
        world.source.set("prod", self.base, "DB_HOST", "localhost")
        world.source.set("staging", self.shared, "SCHEMA", "https")
        world.source.set("staging", self.shared, "DB_HOST", "prod-db")
        world.source.add_import("dev", self.folder, "prod", self.base)
        world.source.add_import("dev", self.folder, "staging", self.shared)
        assert self.run()["outcome"] == "succeeded"
        assert self.live == RIGHT

    def run(self):
        return self.sync.run()

    @property
    def live(self):
        return self.sync.live

    def hide(self):
        """Take the right to read the shared folder away."""
        self.world.infisical.forbidden.add(("staging", self.shared))


RIGHT = {"SCHEMA": "https", "DB_HOST": "prod-db", "URL": "https://db.internal", "OTHER": "1"}


@pytest.fixture
def app(world):
    """A sync whose vault is right."""
    return App(world)


@pytest.fixture(params=[False, True], ids=["block missing", "block empty"])
def keeps_blocks(world, request):
    """What a server answers for an import that the identity may not read."""
    world.infisical.keeps_blocks = request.param


def test_an_import_that_hides_keeps_what_it_gave(world, app, keeps_blocks):
    """Keys, lower imports and references are kept and named; other keys go on; it heals by itself."""
    app.hide()
    app.sync.set("OTHER", "2")
    answer = app.run()
    assert (answer["outcome"], app.live) == ("succeeded", RIGHT | {"OTHER": "2"})
    shared = f"the import staging:{app.shared} is not readable any more"
    assert f"SCHEMA: kept, {shared}" in answer["message"]
    assert f"DB_HOST: kept, {shared}" in answer["message"]
    assert f"URL: kept, it refers to dev:{app.folder} SCHEMA" in answer["message"]
    assert app.run()["message"] == answer["message"]

    world.infisical.forbidden.clear()
    world.source.set("staging", app.shared, "SCHEMA", "http")
    world.source.set("staging", app.shared, "DB_HOST", "new-db")
    assert app.run()["message"] is None
    assert app.live == {
        "SCHEMA": "http",
        "DB_HOST": "new-db",
        "URL": "http://db.internal",
        "OTHER": "2",
    }


def test_a_hidden_import_is_not_restored_from_a_lower_one(world, app, keeps_blocks):
    """A key that somebody deleted in the vault is not made anew with what a lower import says."""
    app.hide()
    app.sync.edit("DB_HOST", state="DELETED")
    app.run()
    assert "DB_HOST" not in app.live


def test_force_takes_what_is_there(world, app, keeps_blocks):
    """Whoever forces the plan gets what the source shows."""
    app.hide()
    app.sync.run(force=app.sync.plan()["fingerprint"])
    assert app.live == {"DB_HOST": "localhost", "URL": "${SCHEMA}://db.internal", "OTHER": "1"}
    assert app.run()["message"] is None


def test_a_place_is_asked_once_in_ten_minutes_for_hints(world, app):
    """Events do not ask a hidden place again and again; what is not asked is kept all the same."""
    app.hide()
    app.sync.webhook()
    world.age(10)
    world.infisical.calls.clear()
    app.sync.set("OTHER", "2")
    app.sync.webhook()
    assert app.live == RIGHT | {"OTHER": "2"}
    assert world.infisical.calls == ["GET /api/v4/secrets", "GET /api/v2/secret-imports"]
    world.age(600)
    world.infisical.calls.clear()
    app.sync.webhook()
    assert world.infisical.calls.count("GET /api/v4/secrets") == 2


def test_all_keys_of_a_place_are_judged_when_it_is_asked(world, app):
    """A reference that is kept does not keep the keys of the same place, which are gone, for ten minutes."""
    app.sync.set("A_REF", "${DB_HOST}")
    app.run()
    world.source.rename_folder("staging", app.shared, f"{app.shared}-new")
    world.age(10)
    app.sync.webhook()
    assert app.live.keys() == {"DB_HOST", "URL", "OTHER", "A_REF"}
    assert app.live["DB_HOST"] == "localhost"


def test_an_imported_folder_that_was_renamed(world, app):
    """A folder that its parent does not list is gone, with the keys that came from it, not the references."""
    world.source.rename_folder("staging", app.shared, f"{app.shared}-new")
    answer = app.run()
    assert app.live == {"DB_HOST": "localhost", "URL": "https://db.internal", "OTHER": "1"}
    assert "URL: kept, it refers to" in answer["message"]


def test_a_folder_whose_parent_does_not_tell(world, app):
    """Where the list of folders is refused too, nobody says that an imported folder is gone."""
    world.source.delete_folder("staging", app.shared)
    app.hide()
    world.infisical.secret_folders.add(("staging", "/"))
    app.run()
    assert app.live == RIGHT
    world.infisical.secret_folders.clear()
    app.run()
    assert app.live == {"DB_HOST": "localhost", "URL": "https://db.internal", "OTHER": "1"}


def test_an_environment_that_was_deleted(world, app):
    """An environment that the project does not list is gone, though asking for it is refused."""
    world.infisical.allowed = {"dev", "prod"}
    app.run()
    assert app.live == RIGHT
    world.source.environments.remove("staging")
    app.run()
    assert app.live == {"DB_HOST": "localhost", "URL": "https://db.internal", "OTHER": "1"}


def test_an_import_inside_an_import_that_hides(world, app, keeps_blocks):
    """A key that an imported folder has from its own import is kept when that one hides."""
    deep = f"{app.folder}-deep"
    world.source.set("prod", deep, "DEEP", "d")
    world.source.add_import("staging", app.shared, "prod", deep)
    app.run()
    world.infisical.forbidden.add(("prod", deep))
    answer = app.run()
    assert app.live == RIGHT | {"DEEP": "d"}
    assert f"DEEP: kept, the import staging:{app.shared}" in answer["message"]
    world.infisical.forbidden.clear()
    world.source.delete("prod", deep, "DEEP")
    app.run()
    assert app.live == RIGHT


def test_more_places_than_are_asked(world):
    """Of many hidden imports ten are asked in a run; what is not asked is kept."""
    sync = world.sync(values={"OWN": "1"})
    for number in range(12):
        world.source.set("prod", f"{sync.folder}-{number}", f"K{number:02}", "1")
        world.source.add_import("dev", sync.folder, "prod", f"{sync.folder}-{number}")
    sync.run()
    world.infisical.forbidden |= {("prod", f"{sync.folder}-{number}") for number in range(12)}
    world.infisical.calls.clear()
    sync.run()
    assert len(sync.live) == 13
    assert world.infisical.calls.count("GET /api/v4/secrets") == 11


# Wishes of people count at once


def test_a_removed_import_row(world, app):
    """An import that a person removes takes its keys along though its folder stays full."""
    world.source.remove_import("dev", app.folder, "staging", app.shared)
    app.run()
    assert app.live == {"DB_HOST": "localhost", "URL": "https://db.internal", "OTHER": "1"}


def test_a_removed_import_row_where_the_list_of_imports_is_refused(world, app):
    """Where the import list may not be read, a readable, full folder without a block was removed."""
    world.infisical.secret_lists.add(("dev", app.folder))
    app.hide()
    app.run()
    assert app.live == RIGHT
    world.infisical.forbidden.clear()
    world.source.remove_import("dev", app.folder, "staging", app.shared)
    app.run()
    assert app.live == {"DB_HOST": "localhost", "URL": "https://db.internal", "OTHER": "1"}


def test_a_key_that_was_deleted_in_an_imported_folder(world, app):
    """A place that is readable and does not have the key any more says that it is gone."""
    world.source.delete("staging", app.shared, "DB_HOST")
    app.run()
    assert app.live == RIGHT | {"DB_HOST": "localhost"}
    world.source.delete("prod", app.base, "DB_HOST")
    app.run()
    assert "DB_HOST" not in app.live


def test_an_own_key_instead(world, app, keeps_blocks):
    """What the folder itself holds counts before any import, also before one that hides."""
    app.hide()
    app.sync.set("SCHEMA", "ftp")
    app.sync.set("DB_HOST", "own-db")
    assert app.run()["message"] is None
    assert app.live == RIGHT | {"SCHEMA": "ftp", "DB_HOST": "own-db", "URL": "ftp://db.internal"}


def test_a_later_import_instead(world, app, keeps_blocks):
    """An import that counts more than the one that hides counts at once."""
    app.hide()
    world.source.set("prod", f"{app.folder}-top", "DB_HOST", "top-db")
    world.source.add_import("dev", app.folder, "prod", f"{app.folder}-top")
    app.run()
    assert app.live == RIGHT | {"DB_HOST": "top-db"}


def test_text_instead_of_a_reference(world, app, keeps_blocks):
    """Only references in the present text hold a key."""
    app.hide()
    app.sync.set("URL", "https://other")
    app.run()
    assert app.live == RIGHT | {"URL": "https://other"}


def test_a_renamed_environment(world, app):
    """Imports follow an environment that is renamed, and so do references to what they give: nothing is held."""
    world.source.rename_environment("staging", "stage")
    world.source.set("stage", app.shared, "DB_HOST", "new-db")
    world.source.set("stage", app.shared, "SCHEMA", "http")
    assert app.run()["message"] is None
    assert app.live == RIGHT | {"DB_HOST": "new-db", "SCHEMA": "http", "URL": "http://db.internal"}


# References


class Refers:
    """A key that refers to a folder which has its keys from a strong import and a weak one."""

    def __init__(self, world):
        self.world = world
        self.sync = world.sync(values={"URL": "postgres://u:${prod.mid.PW}@h"})
        for name in ("weak", "strong"):
            world.source.set("prod", f"/{name}", "PW", name)
        world.source.add_folder("prod", "/mid")
        world.source.folders["prod", "/mid"].imports[:] = [("prod", "/weak"), ("prod", "/strong")]
        self.sync.run()
        assert self.url == "postgres://u:strong@h"

    @property
    def url(self):
        return self.sync.live["URL"]


@pytest.fixture
def refers(world):
    """A sync whose vault is right."""
    yield Refers(world)
    for path in ("/mid", "/weak", "/strong", "/strong-new", "/common", "/common-new"):
        world.source.delete_folder("prod", path)


def test_a_reference_through_an_import_that_hides(world, refers, keeps_blocks):
    """Neither the text nor a weaker import's value is written for what a hidden import gave."""
    world.infisical.forbidden.add(("prod", "/strong"))
    for imports in ([("prod", "/weak"), ("prod", "/strong")], [("prod", "/strong")]):
        world.source.folders["prod", "/mid"].imports[:] = imports
        answer = refers.sync.run()
        assert refers.url == "postgres://u:strong@h"
        assert "URL: kept, " in answer["message"]
    world.infisical.forbidden.clear()
    assert refers.sync.run()["message"] is None


def test_a_reference_through_an_import_that_was_renamed(world, refers):
    """That a folder is gone frees the keys that came from it, never a reference that it served."""
    world.source.rename_folder("prod", "/strong", "/strong-new")
    answer = refers.sync.run()
    assert refers.url == "postgres://u:strong@h"
    assert "URL: kept, it refers to prod:/mid PW, and the import prod:/strong" in answer["message"]


@pytest.mark.parametrize("how", ["row removed", "key deleted"])
def test_a_weaker_import_that_is_meant(world, refers, how):
    """Whoever removes the import, or its key, means what is left."""
    if how == "row removed":
        world.source.folders["prod", "/mid"].imports.remove(("prod", "/strong"))
    else:
        world.source.delete("prod", "/strong", "PW")
    assert refers.sync.run()["message"] is None
    assert refers.url == "postgres://u:weak@h"


@pytest.mark.parametrize("how", ["key renamed", "folder renamed"])
def test_a_reference_that_leads_nowhere_any_more(world, refers, how):
    """A reference that resolved and does not now is kept and named, until somebody forces it."""
    world.source.set("prod", "/common", "PW", "common")
    refers.sync.set("URL", "postgres://u:${prod.common.PW}@h")
    refers.sync.run()
    if how == "key renamed":
        world.source.delete("prod", "/common", "PW")
        world.source.set("prod", "/common", "PASSWORD", "common")
    else:
        world.source.rename_folder("prod", "/common", "/common-new")
    answer = refers.sync.run()
    assert (answer["outcome"], refers.url) == ("succeeded", "postgres://u:common@h")
    assert "URL: kept, it refers to prod:/common PW, which is not there" in answer["message"]

    refers.sync.run(force=refers.sync.plan()["fingerprint"])
    assert refers.url == "postgres://u:${prod.common.PW}@h"
    assert refers.sync.run()["message"] is None


def test_a_placeholder_of_another_tool(world):
    """What never resolved is text, also where the identity may not ask for such an environment."""
    world.infisical.allowed = {"dev"}
    sync = world.sync(values={"JDBC": "jdbc:${spring.datasource.url}", "X": "${@other.prod.KEY}"})
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"JDBC": "jdbc:${spring.datasource.url}", "X": "${@other.prod.KEY}"}
    sync.set("JDBC", "jdbc:${spring.datasource.url}?ssl")
    assert sync.run()["message"] is None
    assert sync.live["JDBC"] == "jdbc:${spring.datasource.url}?ssl"


def test_a_reference_into_an_environment_that_exists_and_hides(world):
    """Where the environment exists a refusal is an error for that key: neither written nor deleted."""
    sync = world.sync(values={"REF": "${prod.mid.PW}", "A": "1"})
    world.infisical.allowed = {"dev"}
    world.source.set("prod", "/mid", "PW", "1")
    answer = sync.run()
    world.source.delete_folder("prod", "/mid")
    assert answer["outcome"] == "failed"
    assert "REF: it refers to prod:/mid, which this identity may not read" in answer["message"]
    assert sync.live == {"A": "1"}


def test_a_secret_of_another_project(world):
    """A reference in what another project gave is not filled from ours; its import list speaks for it."""
    sync = world.sync(values={"PORT": "5432"})
    world.source.foreign["dev", sync.folder] = [
        ("other-project", ("prod", "/x"), [Secret("HOST", "h:${PORT}")])
    ]
    sync.run()
    assert sync.live == {"PORT": "5432", "HOST": "h:${PORT}"}
    world.infisical.hidden_projects.add("other-project")
    try:
        answer = sync.run()
        assert sync.live == {"PORT": "5432", "HOST": "h:${PORT}"}
        assert "HOST: kept, the import @other-project.prod:/x" in answer["message"]
    finally:
        world.infisical.hidden_projects.clear()
        del world.source.foreign["dev", sync.folder]
    sync.run()
    assert sync.live == {"PORT": "5432"}


# Sub-folders


def test_sub_folders_that_hide(world):
    """Keys of many sub-folders that hide are kept, however much the status would have to hold."""
    long = "x" * 200
    sync = world.sync(values={"OWN": "1"}, options=ALL_BELOW)
    folders = [f"{sync.folder}/{long}-{number:03}" for number in range(330)]
    for number, folder in enumerate(folders):
        world.source.set("dev", folder, f"K{number:03}", "1")
    while sync.run()["outcome"] != "succeeded":
        pass
    assert len(sync.memory.keys) == 331
    world.infisical.forbidden |= {("dev", folder) for folder in folders[:60]}
    answer = sync.run()
    assert (answer["outcome"], len(sync.live)) == ("succeeded", 331)
    assert len(world.bucket.get(sync.status_object)) <= 64_000
    assert sync.status.sync.status == "succeeded"
    world.infisical.forbidden.clear()
    world.source.delete_folder("dev", folders[0])
    sync.run()
    assert len(sync.live) == 330


def test_sub_folders_switched_off(world):
    """Keys of sub-folders that are not asked for any more go by the usual rules."""
    sync = world.sync(values={f"OWN{n}": "1" for n in range(5)}, options=ALL_BELOW)
    world.source.set("dev", f"{sync.folder}/sub", "SUB", "1")
    sync.run()
    assert "SUB" in sync.live
    sync.store(syncOptions={"initialSyncBehavior": "overwrite-destination"})
    assert sync.run()["message"] is None
    assert sync.live == {f"OWN{n}": "1" for n in range(5)}


# Upgrade


def test_a_lost_import_right_after_the_upgrade(world, app, keeps_blocks):
    """What a status of 0.1.0 says of origins holds; a reference of which nothing is known is kept."""
    legacy = {"origins": {f"import staging:{app.shared}": ["SCHEMA", "DB_HOST"]}}
    app.sync.write_status(legacy)
    app.sync.forget()
    app.hide()
    app.run()
    assert app.live == RIGHT
    world.infisical.forbidden.clear()
    assert app.run()["message"] is None
    assert app.sync.memory.keys.keys() == RIGHT.keys()


def test_nothing_of_unknown_origin_is_deleted_while_an_import_hides(world, app, keeps_blocks):
    """Where it is not known who gave a key, every import must say that it is gone."""
    app.sync.forget()
    app.hide()
    answer = app.run()
    assert app.live["SCHEMA"] == "https"
    assert "SCHEMA: kept, it is not known" in answer["message"]
    world.infisical.forbidden.clear()
    world.source.delete("staging", app.shared, "SCHEMA")
    app.sync.set("URL", "text")
    app.sync.forget()
    app.run()
    assert "SCHEMA" not in app.live


def test_an_unresolved_reference_of_which_nothing_is_known(world, refers):
    """Without memory it is text only if the vault holds that text, or nothing."""
    refers.sync.forget()
    world.source.delete("prod", "/strong", "PW")
    world.source.delete("prod", "/weak", "PW")
    refers.sync.set("NEW", "${prod.mid.PW}")
    answer = refers.sync.run()
    assert refers.sync.live == {"URL": "postgres://u:strong@h", "NEW": "${prod.mid.PW}"}
    assert "URL: kept, it refers to prod:/mid PW" in answer["message"]
    refers.sync.forget()
    assert "NEW" not in refers.sync.run()["message"]


def test_a_container_of_the_old_version_loses_nothing(world, app):
    """What only 0.1.0 reads stays in the status as it was; what only this version reads is another object."""
    legacy = {"origins": {"import staging:/x": ["A"]}, "importPending": {"B": {"why": "w"}}}
    app.sync.write_status(legacy)
    app.run()
    assert app.sync.status.origins == {"import staging:/x": ["A"]}
    assert app.sync.status.import_pending.keys() == {"B"}
