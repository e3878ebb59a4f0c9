import inspect
import re

from functions import errors
from functions.errors import Rejected, SyncError, Temporary, Throttled


def drawn():
    """Return class -> parent as the module's docstring draws them."""
    parents, line_of = {}, ["SyncError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([│ ]*)[├└]── (\w+)  ", line)
        if found:
            depth = len(found[1]) // 4 + 1
            line_of[depth:] = [found[2]]
            parents[found[2]] = line_of[depth - 1]
    return parents


def test_the_tree_of_errors_is_drawn_as_it_is():
    """The drawing of the error tree shows every error, each below its own parent."""
    classes = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    own = [kind for kind in classes if issubclass(kind, Exception) and kind is not SyncError]
    assert drawn() == {kind.__name__: kind.__base__.__name__ for kind in own}


def test_a_temporary_error_knows_when_to_come_back():
    """A temporary error keeps its text and the wait that the other side asked for, if it did."""
    assert Throttled("slow down", 7.5).retry_after_seconds == 7.5
    assert Temporary("reset").retry_after_seconds is None
    assert str(Throttled("slow down", 7.5)) == "slow down"


def test_a_rejected_request_knows_its_answer():
    """A request that is rejected carries the status, the issues and the headers of its answer."""
    plain = Rejected(404, "no such sync")
    assert (str(plain), plain.status, list(plain.issues), plain.headers) == (
        "no such sync",
        404,
        [],
        {},
    )
    full = Rejected(422, "wrong", issues=[{"path": "name"}], headers={"Retry-After": "1"})
    assert (full.issues, full.headers) == ([{"path": "name"}], {"Retry-After": "1"})
