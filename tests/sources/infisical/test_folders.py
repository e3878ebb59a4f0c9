"""Which folders the project has: each list is read once, and nowhere looks like an empty folder."""

import pytest

from functions.errors import Refused
from functions.sources.infisical.evidence import Folders

TREE = {
    "/": {"app", "other"},
    "/app": {"a", "b"},
    "/app/a": {"x"},
    "/app/b": set(),
    "/app/a/x": set(),
}


class Api:
    """An API that knows one environment with some folders; of nowhere it lists nothing."""

    def __init__(self):
        self.asked = []
        self.refuses = frozenset()

    def environments(self, _project_id):
        self.asked.append("environments")
        if "environments" in self.refuses:
            raise Refused("no")
        return {"prod"}

    def folders(self, folder):
        self.asked.append(folder.path)
        if folder.path in self.refuses:
            raise Refused("no")
        return TREE.get(folder.path, set())


@pytest.fixture
def api():
    """The API."""
    return Api()


@pytest.fixture
def folders(api):
    """What is known of the project's folders."""
    return Folders(api, "project")


def test_all_folders_below_are_found(folders):
    """All sub-folders are found, however deep."""
    below = {path for _, path in folders.below(("prod", "/app"), 3)}
    assert below == {"/app/a", "/app/b", "/app/a/x"}
    assert {path for _, path in folders.below(("prod", "/"), 5)} == below | {"/app", "/other"}
    assert folders.below(("prod", "/app/b"), 0) == []


def test_too_many_folders_are_refused(folders):
    """More sub-folders than may be asked are refused."""
    with pytest.raises(Refused, match="more than 2 sub-folders"):
        folders.below(("prod", "/app"), 2)


@pytest.mark.parametrize(
    ("place", "is_absent"),
    [
        (("prod", "/"), False),
        (("prod", "/app"), False),
        (("prod", "/app/a/x"), False),
        (("prod", "/app/c"), True),
        (("prod", "/nowhere/at/all"), True),
        (("dev", "/app"), True),
    ],
)
def test_what_is_not_there(folders, place, is_absent):
    """An environment that the project does not list, and a folder that its parent does not show, are not there."""
    assert folders.is_absent(place) == is_absent


@pytest.mark.parametrize("refused", ["environments", "/", "/app"])
def test_what_cannot_be_known_is_not_taken_for_absent(api, folders, refused):
    """Where a list on the way is refused, nothing is said to be absent."""
    api.refuses = {refused}
    assert not folders.is_absent(("prod", "/app/c"))


def test_each_list_is_read_once(api, folders):
    """However often it is asked, each list is read once."""
    for _ in range(2):
        folders.is_absent(("prod", "/app/a/x"))
        folders.below(("prod", "/app"), 9)
    assert len(api.asked) == len(set(api.asked))
