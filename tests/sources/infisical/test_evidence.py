"""What the source says of a key that it does not show any more, on a server of today and one of 2024."""

from dataclasses import replace

import pytest

from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin
from functions.sources import connect
from infra.local.infisical.server import InfisicalServer
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half

APP = Folder("project", "dev", "/app")
HERE = ("dev", "/app")
LOST = Missing(HERE, "K", Origin("import", "prod", "/x"))
REFERRED = replace(LOST, is_reference=True)
UNKNOWN = replace(LOST, giver=None)
BELOW = replace(LOST, giver=Origin("folder", "dev", "/app/a/b"))
IMPORTED_BELOW = replace(LOST, giver=Origin("sub-folder import", "prod", "/x"))


@pytest.fixture(params=[("v4", False), ("v4", True), ("v3", False)], ids=str)
def server(request):
    """A server with a folder that imports one which had the key."""
    api, keeps_blocks = request.param
    server = InfisicalServer(FakeClock(), api=api, keeps_blocks=keeps_blocks)
    server.url = server.start()
    server.source.set("dev", "/app", "A", "1")
    server.source.set("prod", "/x", "OTHER", "1")
    server.source.add_import("dev", "/app", "prod", "/x")
    yield server
    server.stop()


@pytest.fixture
def ask(server):
    """Read the folder, then ask about a key; True: it is kept."""

    def ask(missing, *, may_ask=True, sub_folders=False, by_folder=False):
        login = connect("infisical", server.url, lambda _renew: CREDENTIALS, server.clock, half)
        source = login(gate(server.clock))
        source.read(APP, sub_folders=sub_folders, by_folder=by_folder)
        return source.why_kept(APP, missing, may_ask=may_ask) is not None

    return ask


def test_a_place_that_is_readable_and_lacks_the_key(server, ask):
    """A key that its place does not have is gone; one that the place shows is hidden and kept."""
    assert not ask(LOST)
    assert not ask(REFERRED)
    server.source.set("prod", "/x", "K", "1")
    assert ask(LOST)


def test_a_place_that_is_refused(server, ask):
    """A key of a place that may not be read is kept, also where the place was asked lately."""
    server.forbidden.add(("prod", "/x"))
    assert ask(LOST)
    assert ask(LOST, may_ask=False)


def test_a_row_that_is_not_in_the_import_list(server, ask):
    """An import that the list does not name was removed, whatever its folder holds; no place is asked."""
    server.source.set("prod", "/x", "K", "1")
    server.source.remove_import("dev", "/app", "prod", "/x")
    assert not ask(LOST, may_ask=False)


def test_a_folder_that_is_not_there(server, ask):
    """A folder that was deleted is gone with its keys; a reference that it served is kept."""
    server.source.delete_folder("prod", "/x")
    assert not ask(LOST)
    assert ask(REFERRED)


def test_an_environment_that_is_not_there(server, ask):
    """An environment that was deleted is gone, though the role may not ask for it."""
    server.allowed = {"dev"}
    assert ask(LOST)
    server.source.environments.remove("prod")
    assert not ask(LOST)


def test_a_refused_import_list(server, ask):
    """Without the import list, a folder that is readable and not empty and has no block was removed."""
    server.secret_lists.add(HERE)
    server.source.set("prod", "/x", "K", "1")
    assert ask(LOST)
    server.source.remove_import("dev", "/app", "prod", "/x")
    assert not ask(LOST)
    server.forbidden.add(("prod", "/x"))
    assert ask(LOST)


def test_an_import_inside_the_place(server, ask):
    """What a place imports itself is asked too; where its own import list is refused nothing is known."""
    server.source.set("staging", "/deep", "DEEP", "1")
    server.source.add_import("prod", "/x", "staging", "/deep")
    assert not ask(LOST)
    server.forbidden.add(("staging", "/deep"))
    assert ask(LOST)
    server.forbidden.clear()
    server.secret_lists.add(("prod", "/x"))
    assert ask(LOST)


def test_places_that_import_each_other(server, ask):
    """Circles of imports end."""
    server.source.add_import("prod", "/x", "staging", "/")
    server.source.add_import("staging", "/", "prod", "/x")
    assert not ask(LOST)


@pytest.mark.parametrize(("shown_by", "kept"), [("/early", True), ("/late", False)])
def test_another_import_that_gives_the_key(server, ask, shown_by, kept):
    """A later import counts at once, an earlier one only when the former place is gone."""
    for path in ("/early", "/late"):
        server.source.set("prod", path, "K", path)
    server.source.folders[HERE].imports[:] = [("prod", "/early"), ("prod", "/x"), ("prod", "/late")]
    server.forbidden.add(("prod", "/x"))
    assert ask(replace(LOST, shown_by=Origin("import", "prod", shown_by))) == kept


def test_an_unknown_origin(server, ask):
    """A key of which the giver is not known is gone only if every import and sub-folder says so."""
    assert not ask(UNKNOWN)
    assert ask(UNKNOWN, may_ask=False)
    server.forbidden.add(("prod", "/x"))
    assert ask(UNKNOWN)
    server.forbidden.clear()
    server.secret_lists.add(HERE)
    assert ask(UNKNOWN)
    server.secret_lists.clear()
    server.source.set("dev", "/app/a/b", "B", "1")
    assert not ask(UNKNOWN, sub_folders=True)
    server.forbidden.add(("dev", "/app/a/b"))
    assert ask(UNKNOWN, sub_folders=True)
    server.forbidden.clear()
    for number in range(12):
        server.source.add_folder("dev", f"/app/{number}")
    assert ask(UNKNOWN, sub_folders=True)


def test_an_unknown_origin_of_a_key_that_is_shown(server, ask):
    """Of a key that an import shows, only the imports that count more may have hidden another value."""
    server.source.set("prod", "/x", "K", "1")
    server.source.add_import("dev", "/app", "prod", "/late")
    shown = replace(UNKNOWN, shown_by=LOST.giver)
    server.source.add_folder("prod", "/late")
    assert not ask(shown)
    server.forbidden.add(("prod", "/late"))
    assert ask(shown)
    assert ask(shown, may_ask=False)
    server.source.folders[HERE].imports.reverse()
    assert not ask(shown)
    server.source.folders[HERE].imports.reverse()
    server.source.delete_folder("prod", "/late")
    server.forbidden.clear()
    assert not ask(shown)


def test_a_place_that_gives_another_of_its_imports(server, ask):
    """Of what a place imports itself, that counts which comes first; what it holds itself counts before all."""
    for name in ("one", "two", "three"):
        server.source.add_folder("staging", f"/{name}")
        server.source.add_import("prod", "/x", "staging", f"/{name}")
    server.source.set("staging", "/two", "K", "1")
    given = replace(LOST, shown_by=LOST.giver)
    assert not ask(given)
    assert ask(given, may_ask=False)
    server.forbidden.add(("staging", "/three"))
    assert not ask(given)
    server.forbidden.add(("staging", "/one"))
    assert ask(given)
    server.source.set("prod", "/x", "K", "1")
    assert not ask(given)
    server.secret_lists.add(("prod", "/x"))
    assert ask(given)


def test_an_import_of_an_import_of_an_import(server, ask):
    """However deep it lies, what counts before what gives the key is asked; circles of imports end."""
    server.source.add_import("prod", "/x", "staging", "/deep")
    server.source.add_import("staging", "/deep", "staging", "/deeper")
    server.source.add_import("staging", "/deep", "staging", "/deepest")
    server.source.add_import("staging", "/deepest", "prod", "/x")
    server.source.add_folder("staging", "/deeper")
    server.source.set("staging", "/deepest", "K", "1")
    given = replace(LOST, shown_by=LOST.giver)
    assert not ask(given)
    server.forbidden.add(("staging", "/deeper"))
    assert ask(given)


def test_an_unknown_origin_where_folders_are_told_apart(server, ask):
    """The same key of a sub-folder is another one then; a sub-folder that hides may have given it all the same."""
    server.source.set("dev", "/app/a", "K", "1")
    assert ask(UNKNOWN, sub_folders=True)
    assert not ask(UNKNOWN, sub_folders=True, by_folder=True)
    server.forbidden.add(("dev", "/app/a"))
    assert ask(UNKNOWN, sub_folders=True, by_folder=True)


def test_a_sub_folder(server, ask):
    """A sub-folder is asked itself, as a recursive list leaves out what may not be read."""
    server.source.set("dev", "/app/a/b", "K", "1")
    server.forbidden.add(("dev", "/app/a/b"))
    assert ask(BELOW, sub_folders=True)
    server.forbidden.clear()
    assert ask(BELOW, sub_folders=True)
    server.source.delete("dev", "/app/a/b", "K")
    assert not ask(BELOW, sub_folders=True)
    server.source.delete_folder("dev", "/app/a")
    assert not ask(BELOW, sub_folders=True)


def test_an_import_of_a_sub_folder(server, ask):
    """Which sub-folder imports a place is not told: without a block it was removed, unless it hides."""
    server.source.folders[HERE].imports.clear()
    server.source.add_folder("dev", "/app/a")
    server.source.add_import("dev", "/app/a", "prod", "/x")
    server.source.set("prod", "/x", "K", "1")
    assert ask(IMPORTED_BELOW, sub_folders=True)
    server.source.remove_import("dev", "/app/a", "prod", "/x")
    assert not ask(IMPORTED_BELOW, sub_folders=True)
    server.forbidden.add(("prod", "/x"))
    assert ask(IMPORTED_BELOW, sub_folders=True)


def test_an_import_of_a_sub_folder_that_is_told_apart(server, ask):
    """Of a sub-folder's own import its list speaks; a sub-folder that hides, hides what it imports too."""
    server.source.set("prod", "/x", "K", "1")
    server.source.set("dev", "/app/a", "A", "1")
    server.source.add_import("dev", "/app/a", "prod", "/x")
    lost = replace(LOST, folder=("dev", "/app/a"))
    assert ask(lost, sub_folders=True)
    server.source.remove_import("dev", "/app/a", "prod", "/x")
    assert not ask(lost, sub_folders=True)
    server.secret_lists.add(("dev", "/app/a"))
    assert not ask(lost, sub_folders=True)
    server.forbidden.add(("dev", "/app/a"))
    assert ask(lost, sub_folders=True)
    server.source.delete_folder("dev", "/app/a")
    assert not ask(lost, sub_folders=True)
