from contextlib import contextmanager

import pytest

from functions.errors import (
    DeadlineReached,
    Forbidden,
    Refused,
    SourceMasked,
    SourceMissing,
    Throttled,
)
from functions.plan.models import Folder, Origin
from functions.sources import connect
from functions.sources.infisical.merge import FOLDER_IMPORT
from infra.local.infisical.server import InfisicalServer
from infra.local.infisical.source import Secret
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half, values

ROOT = Folder("project", "dev", "/")
APP = Folder("project", "dev", "/app")


@contextmanager
def started(**settings):
    """Run a server."""
    server = InfisicalServer(FakeClock(), **settings)
    server.url = server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["v4", "v3"])
def server(request):
    """A server of today and one of 2024."""
    with started(api=request.param) as server:
        yield server


def client(server):
    """Make what a container holds."""
    return connect("infisical", server.url, lambda _renew: CREDENTIALS, server.clock, half)


@pytest.fixture
def source(server):
    """What one invocation uses."""
    return client(server)(gate(server.clock))


def read(source, folder=APP, *, sub_folders=False):
    """Read a folder."""
    return source.read(folder, sub_folders=sub_folders)


def test_own_secrets(server, source):
    """A folder's shared secrets are read, sorted by key, without personal overrides."""
    server.source.set("dev", "/app", "B", "2")
    server.source.set("dev", "/app", "A", "")
    server.source.add_row("dev", "/app", Secret("A", "mine", personal=True))
    result = read(source)
    assert [(s.key, s.value.get_secret_value(), s.origin) for s in result.secrets] == [
        ("A", "", None),
        ("B", "2", None),
    ]
    assert result.errors == result.collisions == {}


def test_import_priority(server, source):
    """T8: own secrets win, then the last import; inside an import its own win over nested ones."""
    hold = server.source
    hold.set("dev", "/app", "A", "1")
    for key, value in {"A": "9", "B": "2", "C": "3"}.items():
        hold.set("dev", "/i1", key, value)
    hold.set("prod", "/i2", "B", "5")
    for key, value in {"C": "7", "D": "8"}.items():
        hold.set("dev", "/n", key, value)
    hold.add_import("dev", "/app", "dev", "/i1")
    hold.add_import("dev", "/app", "prod", "/i2")
    hold.add_import("dev", "/i1", "dev", "/n")
    result = read(source)
    assert values(result) == {"A": "1", "B": "5", "C": "3", "D": "8"}
    i1, i2 = Origin("import", "dev", "/i1"), Origin("import", "prod", "/i2")
    assert {s.key: s.origin for s in result.secrets} == {"A": None, "B": i2, "C": i1, "D": i1}
    assert result.origins == {i1, i2}


def test_circular_imports(server, source):
    """Folders that import each other are read without end neither here nor there."""
    server.source.set("dev", "/app", "A", "1")
    server.source.set("dev", "/b", "B", "2")
    server.source.add_import("dev", "/app", "dev", "/b")
    server.source.add_import("dev", "/b", "dev", "/app")
    assert values(read(source)) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(("second", "errors"), [("1", set()), ("2", {"A"})])
def test_duplicates(server, source, second, errors):
    """A key that a folder holds twice is an error for that key, unless the values are equal."""
    server.source.set("dev", "/app", "A", "1")
    server.source.add_row("dev", "/app", Secret("A", second))
    server.source.set("dev", "/app", "B", "b")
    result = read(source)
    assert set(result.errors) == errors
    assert set(values(result)) == {"A", "B"} - errors


def test_lone_surrogate(server, source):
    """A value that is not valid Unicode is an error for its key, which does not show the value."""
    server.source.set("dev", "/app", "A", "x\ud800")
    result = read(source)
    assert result.errors == {"A": "its value holds characters that are not valid Unicode"}


def test_masked(server, source):
    """Hidden values are never taken for values."""
    server.source.set("dev", "/app", "A", "1")
    server.masked = True
    with pytest.raises(SourceMasked, match="permission to read values"):
        read(source)


def hide(server, *paths):
    """Hide the value of K in these folders."""
    server.hidden |= {("dev", path, "K") for path in paths or ("/app",)}


@pytest.mark.parametrize("sub_folders", [False, True])
def test_one_hidden_value(server, source, sub_folders):
    """A key whose value is hidden is an error for that key; the others are read."""
    server.source.set("dev", "/app", "K", "1")
    server.source.set("dev", "/app", "A", "2")
    hide(server)
    result = read(source, sub_folders=sub_folders)
    assert values(result) == {"A": "2"}
    assert "the source hides its value" in result.errors["K"]


@pytest.mark.parametrize(
    ("own", "hidden", "expected"),
    [
        ("own", ["/one", "/two"], "own"),
        ("own", ["/app"], None),
        (None, ["/one"], "two"),
        (None, ["/two"], None),
    ],
)
def test_a_hidden_value_counts_where_it_ranks(server, source, own, hidden, expected):
    """A hidden value that something overrides is no matter; one that overrides others is that key's error."""
    server.source.set("dev", "/app", "A", "1")
    if own:
        server.source.set("dev", "/app", "K", own)
    for name in ("one", "two"):
        server.source.set("dev", f"/{name}", "K", name)
        server.source.add_import("dev", "/app", "dev", f"/{name}")
    hide(server, *hidden)
    result = read(source)
    assert values(result).get("K") == expected
    assert ("K" in result.errors) == (expected is None)


def test_a_hidden_value_that_is_referred_to(server, source):
    """A reference to a hidden value is an error for the key that refers, in whatever folder it is."""
    server.source.set("dev", "/app", "A", "x${dev.other.K}")
    server.source.set("dev", "/app", "B", "x${dev.other.OPEN}")
    server.source.set("dev", "/app", "C", "x${dev.dark.K}")
    server.source.set("dev", "/other", "K", "1")
    server.source.set("dev", "/other", "OPEN", "2")
    server.source.set("dev", "/dark", "K", "1")
    hide(server, "/other", "/dark")
    result = read(source)
    assert values(result) == {"B": "x2"}
    assert "it refers to K: the source hides its value" in result.errors["A"]
    assert "it refers to K: the source hides its value" in result.errors["C"]


def test_a_hidden_value_of_a_sub_folder_s_import(server, source):
    """A hidden value in what a sub-folder imports is that key's error too."""
    server.source.set("dev", "/app", "A", "1")
    server.source.set("dev", "/base", "K", "1")
    server.source.add_import("dev", "/app/sub", "dev", "/base")
    hide(server, "/base")
    result = read(source, sub_folders=True)
    assert (values(result), result.errors.keys()) == ({"A": "1"}, {"K"})


@pytest.mark.parametrize(
    "folder",
    [
        Folder("project", "dev", "/nope"),
        Folder("project", "dev", "/app/nope"),
        Folder("project", "dev", "/nope/deeper"),
        Folder("project", "qa", "/"),
        Folder("project", "DEV", "/app"),
        Folder("other", "dev", "/app"),
    ],
)
@pytest.mark.parametrize("sub_folders", [False, True])
def test_missing(server, source, folder, sub_folders):
    """A folder, environment or project that is missing never reads as empty."""
    server.source.add_folder("dev", "/app")
    with pytest.raises(SourceMissing, match=folder.environment):
        read(source, folder, sub_folders=sub_folders)


def test_existing_but_empty(server, source):
    """A folder that exists and holds nothing reads as empty, whether root or nested."""
    server.source.add_folder("dev", "/app/inner")
    for folder in (ROOT, APP, Folder("project", "dev", "/app/inner")):
        assert read(source, folder).secrets == ()


def test_existence_costs_calls_only_when_empty(server, source):
    """A read takes one call; only an empty answer is looked into."""
    server.source.set("dev", "/app", "A", "1")
    read(source)
    server.calls.clear()
    read(source)
    assert len(server.calls) == 1


def test_forbidden(server, source):
    """A folder that the identity may not read is an error, also where a recursive list hides it."""
    server.source.set("dev", "/app", "A", "1")
    server.forbidden = {("dev", "/app")}
    for sub_folders in (False, True):
        with pytest.raises(Forbidden):
            read(source, sub_folders=sub_folders)


@pytest.mark.parametrize("stray", [("dev", "/other"), ("staging", "/app")])
def test_a_list_that_answers_for_another_folder(server, source, stray):
    """A plain list of another environment or path is refused whole, whatever it holds."""
    server.source.set("dev", "/app", "A", "1")
    server.source.set(*stray, "A", "theirs")
    server.mistaken["dev", "/app"] = stray
    with pytest.raises(Refused, match=f"answered with secrets of {':'.join(stray)}"):
        read(source)
    with pytest.raises(Refused, match="answered with secrets of"):
        read(source, sub_folders=True)


def test_sub_folders(server, source):
    """Sub-folders of any depth are flattened; a folder that only begins alike is none of them."""
    server.source.set("dev", "/app", "TOP", "1")
    server.source.set("dev", "/app/a", "A", "2")
    server.source.set("dev", "/app/a/b", "B", "3")
    server.source.set("dev", "/apple", "LEAK", "x")
    result = read(source, sub_folders=True)
    assert values(result) == {"TOP": "1", "A": "2", "B": "3"}
    assert result.origins == {
        Origin("folder", "dev", "/app/a"),
        Origin("folder", "dev", "/app/a/b"),
    }
    assert {s.origin for s in result.secrets} == {None} | result.origins


def test_collisions(server, source):
    """A key that several folders hold is reported with its folders and has no value."""
    server.source.set("dev", "/app", "K", "1")
    server.source.set("dev", "/app/a", "K", "1")
    server.source.set("dev", "/app/b", "OTHER", "2")
    result = read(source, sub_folders=True)
    assert result.collisions == {"K": ("/app", "/app/a")}
    assert values(result) == {"OTHER": "2"}


def test_import_of_a_sub_folder_is_no_collision(server, source):
    """A key that a folder imports from its own sub-folder is one secret."""
    server.source.set("dev", "/app/a", "K", "1")
    server.source.add_import("dev", "/app", "dev", "/app/a")
    result = read(source, sub_folders=True)
    assert values(result) == {"K": "1"}
    assert result.collisions == {}


def test_imported_key_collides_with_sub_folder(server, source):
    """A key that a folder imports from elsewhere and a sub-folder holds is a collision."""
    server.source.set("prod", "/x", "K", "1")
    server.source.set("dev", "/app/a", "K", "2")
    server.source.add_import("dev", "/app", "prod", "/x")
    assert read(source, sub_folders=True).collisions == {"K": ("/app", "/app/a")}


def test_import_of_sub_folder(server, source):
    """What a sub-folder imports is read; which sub-folder imports it, the source does not say."""
    server.source.set("prod", "/x", "K", "1")
    server.source.set("dev", "/app", "A", "1")
    server.source.add_folder("dev", "/app/a")
    server.source.add_import("dev", "/app/a", "prod", "/x")
    result = read(source, sub_folders=True)
    origin = Origin(FOLDER_IMPORT, "prod", "/x")
    assert {s.key: s.origin for s in result.secrets} == {"A": None, "K": origin}


def apart(source, folder=APP):
    """Read a folder with its sub-folders apart; return what was read, values and origins by address."""
    result = source.read(folder, sub_folders=True, by_folder=True)
    return result, {s.address: (s.value.get_secret_value(), s.origin) for s in result.secrets}


def test_sub_folders_apart(server, source):
    """Folder by folder a key of several folders is one secret each; without imports no folder is asked for it."""
    for path in ("/app", "/app/a", "/app/a/b"):
        server.source.set("dev", path, "K", path)
    server.source.set("dev", "/apple", "K", "x")
    server.calls.clear()
    result, found = apart(source)
    assert found == {
        "K": ("/app", None),
        "a/K": ("/app/a", Origin("folder", "dev", "/app/a")),
        "a/b/K": ("/app/a/b", Origin("folder", "dev", "/app/a/b")),
    }
    assert (result.errors, result.collisions) == ({}, {})
    assert not [call for call in server.calls if "folders" in call or "imports" in call]


def test_sub_folders_of_the_root_apart(server, source):
    """The root's sub-folders are told apart as any other's."""
    server.source.set("dev", "/", "K", "1")
    server.source.set("dev", "/a/b", "K", "2")
    _, found = apart(source, ROOT)
    assert {address: value for address, (value, _) in found.items()} == {"K": "1", "a/b/K": "2"}


def test_imports_of_sub_folders_apart(server, source):
    """Each sub-folder has what it imports, under what it holds itself, also if it holds nothing else."""
    server.source.set("prod", "/x", "K", "imported")
    server.source.set("dev", "/app", "A", "1")
    server.source.set("dev", "/app/own", "K", "own")
    for path in ("/app", "/app/own", "/app/empty", "/app/deep/er"):
        server.source.add_import("dev", path, "prod", "/x")
    _, found = apart(source)
    imported = ("imported", Origin("import", "prod", "/x"))
    assert found == {
        "A": ("1", None),
        "K": imported,
        "own/K": ("own", Origin("folder", "dev", "/app/own")),
        "empty/K": imported,
        "deep/er/K": imported,
    }


def test_errors_apart(server, source):
    """Folder by folder an error is that of one folder's key."""
    server.source.set("dev", "/app/a", "K", "1")
    server.source.add_row("dev", "/app/b", Secret("K", "1"))
    server.source.add_row("dev", "/app/b", Secret("K", "2"))
    server.source.set("dev", "/app/c", "K", "${prod.x.P}")
    server.source.set("prod", "/x", "P", "1")
    server.forbidden.add(("prod", "/x"))
    result, found = apart(source)
    assert (set(found), set(result.errors)) == ({"a/K"}, {"b/K", "c/K"})


def test_a_sub_folder_that_may_not_be_read(server, source):
    """A sub-folder that this identity may not read is left out, as in a flat list; the others are read."""
    server.source.set("prod", "/x", "K", "1")
    for path in ("/app/a", "/app/b"):
        server.source.add_import("dev", path, "prod", "/x")
    server.source.set("dev", "/app", "A", "1")
    server.forbidden.add(("dev", "/app/a"))
    assert set(apart(source)[1]) == {"A", "b/K"}


def test_sub_folders_are_not_referred_to(server, source):
    """Sub-folders that are listed do not count among those that values refer to."""
    server.source.set("prod", "/x", "K", "1")
    for number in range(45):
        server.source.add_import("dev", f"/app/{number}", "prod", "/x")
    for number in range(60):
        server.source.set("prod", f"/y{number}", "P", "1")
        server.source.set("dev", "/app", f"R{number}", f"${{prod.y{number}.P}}")
    result, found = apart(source)
    assert (len(found), result.errors) == (105, {})


def test_too_many_sub_folders_with_imports(server, source):
    """More sub-folders than a run may ask are refused, rather than some keys left out."""
    server.source.set("prod", "/x", "K", "1")
    server.source.add_import("dev", "/app/0", "prod", "/x")
    server.source.set("dev", "/app", "A", "1")
    for number in range(101):
        server.source.add_folder("dev", f"/app/{number}")
    with pytest.raises(Refused, match="more than 100 sub-folders"):
        apart(source)


def test_sub_folders_import_differing_values(server, source):
    """A key that sub-folders import from folders with different values is an error for that key."""
    for path, value in {"/x": "1", "/y": "2"}.items():
        server.source.set("prod", path, "K", value)
        server.source.set("prod", path, "SAME", "s")
        server.source.add_folder("dev", f"/app{path}")
        server.source.add_import("dev", f"/app{path}", "prod", path)
    result = read(source, sub_folders=True)
    assert values(result) == {"SAME": "s"}
    assert result.errors == {"K": "sub-folders import it with different values"}


def test_move_during_a_read(server, source):
    """A secret that moves up from a sub-folder while the folders are listed is not lost."""
    server.source.set("dev", "/app/a", "K", "1")

    def move(request):
        if (
            request.query.get("recursive") == "true"
            and server.source.folders["dev", "/app/a"].secrets
        ):
            server.source.delete("dev", "/app/a", "K")
            server.source.set("dev", "/app", "K", "1")

    server.faults = move
    assert values(read(source, sub_folders=True)) == {"K": "1"}


def test_references_across_folders(server, source):
    """References are expanded in the folder that holds them; each folder is listed at most once."""
    hold = server.source
    hold.set("dev", "/app", "LOCAL", "<${NAME}>")
    hold.set("dev", "/app", "NAME", "n")
    hold.set("dev", "/app", "FAR", "${prod.api.v1.KEY}${prod.api.v1.KEY_2}${prod.api.v1.NONE}")
    hold.set("dev", "/app", "MISSING", "${dev.nope.KEY} ${qa.KEY}")
    hold.set("prod", "/api/v1", "KEY", "[${KEY_2}]")
    hold.set("prod", "/api/v1", "KEY_2", "$1$&")
    hold.set("dev", "/shared", "IMPORTED", "${NAME}")
    hold.set("dev", "/shared", "NAME", "of shared")
    hold.add_import("dev", "/app", "dev", "/shared")
    read(source)
    server.calls.clear()
    assert values(read(source)) == {
        "LOCAL": "<n>",
        "NAME": "n",
        "FAR": "[$1$&]$1$&${prod.api.v1.NONE}",
        "MISSING": "${dev.nope.KEY} ${qa.KEY}",
        "IMPORTED": "of shared",
    }
    assert len(server.calls) == 4  # the folder, prod:/api/v1, and twice what does not exist


def test_reference_to_imported_key(server, source):
    """A reference also finds what the referenced folder imports."""
    server.source.set("dev", "/app", "A", "${B}")
    server.source.set("dev", "/shared", "B", "b")
    server.source.add_import("dev", "/app", "dev", "/shared")
    assert values(read(source)) == {"A": "b", "B": "b"}


def test_reference_from_a_sub_folder(server, source):
    """A local reference in a sub-folder means that sub-folder, imports included."""
    server.source.set("dev", "/app", "X", "top")
    server.source.set("dev", "/app/a", "A", "${X2} ${Y}")
    server.source.set("dev", "/app/a", "X2", "sub")
    server.source.set("prod", "/y", "Y", "y")
    server.source.add_import("dev", "/app/a", "prod", "/y")
    assert values(read(source, sub_folders=True))["A"] == "sub y"


def test_references_of_another_project(server, source):
    """What another project gave is not expanded: neither from a folder of ours with the same name nor from its own."""
    server.source.foreign["dev", "/app"] = [
        ("other", ("prod", "/x"), [Secret("HOST", "h:${PORT}"), Secret("PORT", "1")])
    ]
    server.source.set("dev", "/app", "PORT", "5432")
    server.source.set("prod", "/x", "PORT", "5433")
    read(source)
    server.calls.clear()
    assert values(read(source)) == {"HOST": "h:${PORT}", "PORT": "5432"}
    assert len(server.calls) == 1


def test_unreadable_reference(server, source):
    """A reference into a folder that may not be read is an error for its key alone."""
    server.source.set("prod", "/secret", "KEY", "k")
    server.source.set("dev", "/app", "A", "${prod.secret.KEY}")
    server.source.set("dev", "/app", "A2", "${prod.secret.KEY}")
    server.source.set("dev", "/app", "B", "b")
    server.forbidden = {("prod", "/secret")}
    result = read(source)
    assert values(result) == {"B": "b"}
    assert set(result.errors) == {"A", "A2"}
    assert "prod:/secret, which this identity may not read" in result.errors["A"]


def test_doubtful_reference(server, source):
    """A reference to a key that is there twice is an error for the key that refers to it."""
    server.source.set("dev", "/app", "A", "${B}")
    server.source.set("dev", "/app", "B", "1")
    server.source.add_row("dev", "/app", Secret("B", "2"))
    result = read(source)
    assert set(result.errors) == {"A", "B"}


def test_older_routes_are_remembered():
    """A server without the newer routes is asked for them once in a container's life."""
    with started(api="v3") as server:
        server.source.set("dev", "/app", "A", "1")
        infisical = client(server)
        read(infisical(gate(server.clock)))
        server.calls.clear()
        read(infisical(gate(server.clock)))
        assert server.calls == ["GET /api/v3/secrets/raw"]


def test_rate_limit(server):
    """Both forms of a rate limit are waited out as long as the server says, while time is left."""
    server.source.set("dev", "/app", "A", "1")
    server.requests_per_minute = 1
    infisical = client(server)
    read(infisical(gate(server.clock)))
    assert values(read(infisical(gate(server.clock, 120)))) == {"A": "1"}
    assert sum(server.clock.slept) >= 59
    with pytest.raises(Throttled) as throttled:
        read(infisical(gate(server.clock, 10)))
    assert throttled.value.retry_after_seconds >= 59


def test_no_call_after_the_deadline(server):
    """Once the time is up not even a login is sent."""
    with pytest.raises(DeadlineReached):
        read(client(server)(gate(server.clock, 0)))
    assert server.calls == []


def test_ping(server, source):
    """A ping proves address and credentials with a login and one call."""
    source.ping()
    assert server.calls == ["POST /api/v1/auth/universal-auth/login", "GET /api/status"]


def test_references_to_very_many_folders(server, source):
    """A folder whose values refer to more than a hundred others costs a hundred calls, and names the keys that it costs."""
    for number in range(150):
        server.source.set("dev", "/app", f"K{number:03}", f"${{dev.other{number}.A}}")
    server.source.set("dev", "/app", "OWN", "1")
    result = read(source)
    assert values(result)["OWN"] == "1"
    assert len(result.errors) == 50
    assert "more than 100 others" in result.errors["K149"]
    assert len([call for call in server.calls if "secrets" in call]) <= 220


def test_a_name_that_cannot_be_stored(server, source):
    """A key with half of a character is named in a form that can be stored, and harms no other."""
    server.source.set("dev", "/app", "A", "1")
    server.source.set("dev", "/app", "\ud800", "2")
    assert values(read(source)) == {"A": "1", "\\ud800": "2"}
