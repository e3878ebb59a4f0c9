"""What each place is asked of a key that is not shown any more, and what its answer comes to: the source in memory."""

from collections import Counter
from dataclasses import replace

import pytest
from pydantic import SecretStr

from functions.errors import Refused
from functions.plan.kept import Missing
from functions.plan.models import Origin
from functions.sources.infisical.evidence import Evidence, Folders
from functions.sources.infisical.rows import Listing, Row

APP, SUB = ("dev", "/app"), ("dev", "/app/a")
X, Y, Z = ("prod", "/x"), ("prod", "/y"), ("prod", "/z")
FOREIGN = ("@other.prod", "/x")
LOST = Missing(APP, "K", Origin("import", *X))


class Source:
    """Its folders by place, with their keys and what they import; what is not among these is refused."""

    def __init__(self, folders, imports=(), *, environments=("dev", "prod"), hidden=()):
        self.keys = dict(folders)
        self.lists = {place: [] for place in self.keys} | dict(imports)
        self.slugs = set(environments)
        self.hidden = set(hidden)
        """Folders that exist and are refused."""
        self.calls = Counter()

    def secrets(self, folder):
        """List a folder."""
        place = (folder.environment, folder.path)
        self.calls["secrets", place] += 1
        if place not in self.keys:
            raise Refused("it is refused")
        return Listing(tuple(Row(key, SecretStr("1"), place, False) for key in self.keys[place]))

    def imports(self, folder):
        """List what a folder imports."""
        place = (folder.environment, folder.path)
        self.calls["imports", place] += 1
        if self.lists.get(place) is None:
            raise Refused("it is refused")
        return self.lists[place]

    def environments(self, _project_id):
        """List the environments."""
        return self.slugs

    def folders(self, folder):
        """List the direct sub-folders."""
        self.calls["folders", (folder.environment, folder.path)] += 1
        prefix = folder.path.rstrip("/") + "/"
        paths = [
            path
            for environment, path in {*self.keys, *self.hidden}
            if environment == folder.environment and path.startswith(prefix)
        ]
        return {path.removeprefix(prefix).split("/")[0] for path in paths} - {""}

    def asked(self, what):
        """Return how often which places were asked."""
        return {place: times for (kind, place), times in self.calls.items() if kind == what}


def evidence(source, blocks=(), **more):
    """Return what a read of the folder that showed these imports leaves to judge by."""
    return Evidence(source, "p", Folders(source, "p"), {APP: tuple(blocks)}, **more)


def is_kept(found, missing=LOST, *, may_ask=True):
    """Say whether a key is kept."""
    return found.why_kept(missing, may_ask=may_ask) is not None


def lost(kind, place, **more):
    """Return a key that such a place gave."""
    return replace(LOST, giver=Origin(kind, *place), **more)


def test_a_row_without_a_block_still_imports():
    """Where the import list still names a place that shows the key, its missing block says nothing."""
    source = Source({APP: "", X: "K"}, {APP: [X]})
    assert is_kept(evidence(source))


def test_another_project_is_not_asked():
    """For another project only the import list speaks: its folder is not asked, and none of ours instead."""
    source = Source({APP: "", X: ""}, {APP: [FOREIGN]})
    assert is_kept(evidence(source, [FOREIGN]), lost("import", FOREIGN))
    assert source.asked("secrets") == source.asked("folders") == {}


def test_no_place_is_asked_again_a_short_time_later():
    """What was asked a short time ago is kept without asking."""
    source = Source({APP: "", X: ""}, {APP: [X]})
    assert is_kept(evidence(source, [X]), may_ask=False)
    assert source.asked("secrets") == {}


RANKS = [
    ([X, Y], Y, False),  # a later import
    ([Y, X], Y, True),  # an earlier one
    ([X], Y, True),  # one that is not in the list
]


@pytest.mark.parametrize(("order", "now", "kept"), RANKS)
@pytest.mark.parametrize("is_listed", [True, False])
def test_ranks(order, now, kept, is_listed):
    """A later import counts at once, by the import list or else by the blocks; nothing else does."""
    source = Source({APP: "", now: "K"}, {APP: order if is_listed else None}, hidden=[X])
    missing = replace(LOST, shown_by=Origin("import", *now))
    assert is_kept(evidence(source, order), missing) == kept


def test_ranks_where_no_block_shows_the_former_place():
    """Where neither list nor blocks show the former place, nothing ranks above it."""
    source = Source({APP: "", Y: "K"}, {APP: None}, hidden=[X])
    assert is_kept(evidence(source, [Y]), replace(LOST, shown_by=Origin("import", *Y)))


@pytest.mark.parametrize(
    ("giver", "shown_by"),
    [
        (Origin("folder", *SUB), Origin("import", *Y)),
        (Origin("sub-folder import", *SUB), Origin("import", *Y)),
        (Origin("import", *SUB), Origin("folder", *Y)),
        (Origin("import", *SUB), Origin("sub-folder import", *Y)),
    ],
)
def test_only_imports_of_the_folder_have_ranks(giver, shown_by):
    """A sub-folder that hides is no earlier import, and one that shows the key no later one."""
    source = Source({APP: "", Y: "K"}, {APP: [SUB, Y]}, hidden=[SUB])
    missing = Missing(APP, "K", giver, shown_by)
    assert is_kept(evidence(source, [SUB, Y]), missing)


def test_a_sub_folder_is_asked_for_its_own_keys():
    """What a sub-folder held itself and only imports now is gone from there."""
    source = Source({APP: "", SUB: "", X: "K"}, {SUB: [X]})
    assert not is_kept(evidence(source), lost("folder", SUB))
    assert source.asked("imports") == {}


def test_a_removed_import_that_a_sub_folder_has_too():
    """Without the import list a readable import without a block was removed, though a sub-folder imports it."""
    source = Source({APP: "", X: "K"}, {APP: None})
    found = evidence(source, nested_blocks=frozenset([X]))
    assert not is_kept(found)
    assert is_kept(found, lost("sub-folder import", X))
    assert source.asked("secrets") == {X: 1}, "what was read of the folder itself is known"


def test_an_unknown_origin_without_imports():
    """A key of unknown origin in a folder that imports nothing is gone, asked or not; sub-folders that are not
    synced gave nothing."""
    source = Source({APP: ""}, hidden=[SUB])
    unknown = replace(LOST, giver=None)
    assert not is_kept(evidence(source), unknown, may_ask=False)
    assert is_kept(evidence(source, has_sub_folders=True), unknown, may_ask=False)


def test_an_empty_place():
    """A folder that holds nothing lacks the key; a list of nowhere looks like it, but frees no reference."""
    source = Source({APP: "", X: ""}, {APP: [X]})
    assert not is_kept(evidence(source, [X]), replace(LOST, is_reference=True))
    source = Source({APP: "", X: ""}, {APP: [X]}, environments=["dev"])
    assert is_kept(evidence(source, [X]), replace(LOST, is_reference=True))
    assert not is_kept(evidence(source, [X]))


def test_a_place_that_holds_something_is_there():
    """Whether a folder is there is not asked where it holds something."""
    source = Source({APP: "", X: "A"}, {APP: [X]})
    assert not is_kept(evidence(source, [X]))
    assert source.asked("folders") == {}


@pytest.mark.parametrize(
    ("imports", "kept"),
    [
        ({X: [Y, Z]}, True),  # the second of two
        ({X: [Y], Y: [Z]}, True),  # one inside another
        ({X: [Y], Y: None}, True),  # it is not known what that imports
        ({X: [Y], Y: [X]}, False),  # a circle
        ({X: [Y]}, False),
    ],
)
def test_imports_inside_imports(imports, kept):
    """A place lacks a key only if all that it imports, at any depth, is known to lack it too."""
    source = Source({APP: "", X: "A", Y: "A", Z: "K"}, {APP: [X], **imports})
    assert is_kept(evidence(source, [X])) == kept


PLACES = [("prod", f"/{number}") for number in range(20)]


def test_ten_places_are_asked():
    """Each place is asked once; beyond ten places nothing is asked, and what is not asked is kept."""
    source = Source({APP: "", **dict.fromkeys(PLACES, "A")}, {APP: PLACES})
    found = evidence(source, PLACES)
    for _ in range(2):
        kept = [is_kept(found, lost("import", place)) for place in PLACES[:11]]
        assert kept == [False] * 10 + [True]
    assert source.asked("secrets") == dict.fromkeys(PLACES[:10], 1)
    assert source.asked("imports")[APP] == 1


def test_what_is_not_asked_may_be_there():
    """That a folder does not exist counts only for a place that was asked."""
    source = Source({APP: "", **dict.fromkeys(PLACES[:10], "A")}, {APP: [*PLACES, X]})
    found = evidence(source, PLACES)
    for place in PLACES[:10]:
        is_kept(found, lost("import", place))
    assert is_kept(found, lost("import", X))
    assert not is_kept(evidence(source, PLACES), lost("import", X)), "it does not exist"


def test_each_list_of_imports_is_read_once():
    """A list of imports is read once, refused or not; beyond thirty none is read, and nothing is known of them."""
    folders = [("dev", f"/app/{number}") for number in range(31)]
    source = Source(dict.fromkeys(folders, ""), hidden=[X])
    source.lists[folders[0]] = None
    found = evidence(source)
    for _ in range(2):
        kept = [is_kept(found, replace(LOST, folder=folder)) for folder in folders]
        assert kept == [True, *[False] * 29, True]
    assert source.asked("imports") == dict.fromkeys(folders[:30], 1)


@pytest.mark.parametrize(("number", "kept"), [(10, False), (11, True)])
def test_a_key_of_any_sub_folder(number, kept):
    """Ten sub-folders are asked for a key of unknown origin; of more nothing is known, and each list is read once."""
    folders = [("dev", f"/app/{n:02}") for n in range(number)]
    source = Source({APP: "", **dict.fromkeys(folders, "")})
    found = evidence(source, has_sub_folders=True)
    for _ in range(2):
        assert is_kept(found, replace(LOST, giver=None)) == kept
    assert set(source.asked("folders").values()) == {1}
