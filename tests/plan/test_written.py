"""Names that were written lately: what a listing must show before it is believed."""

from datetime import timedelta

import pytest

from functions.plan.models import Action, State
from functions.plan.ownership import DIGEST_TAG
from functions.plan.written import Written, mark, short
from tests.support.plan_examples import NOW, secret, tags

MINE = tags("A", "1")
DIGEST = MINE[DIGEST_TAG]
WRITTEN = Written(at=NOW).as_done("id-of-A", DIGEST, is_going=False)
DELETED = Written(at=NOW).as_done("id-of-A", DIGEST, is_going=True)
REPAIRED = Written(at=NOW).as_done("id-of-A", DIGEST, is_going=False, looks_as_before=True)


@pytest.mark.parametrize(
    ("row", "is_mine", "is_shown"),
    [
        (secret("A", tags=MINE), True, True),
        (secret("A", tags=MINE), False, False),  # the digest is there, but not this sync's tag
        (secret("A", tags=tags("A", "2")), True, False),
        (secret("A", tags={}), True, False),
        (secret("A", State.UPDATING, tags=MINE), True, False),
        (secret("A", id="id-of-B", tags=MINE), True, False),
        (None, False, False),
    ],
)
def test_a_write_that_a_listing_shows(row, is_mine, is_shown):
    """A write is shown by the row of its OCID that is ACTIVE, with its digest and this sync's tag."""
    assert WRITTEN.is_shown_by(row, is_mine=is_mine) == is_shown


@pytest.mark.parametrize("is_mine", [True, False])
def test_a_write_whose_tags_were_refused(is_mine):
    """A write without a digest is shown by a row without one, whosever it is."""
    written = Written(at=NOW).as_done("id-of-A", "", is_going=False)
    assert written.is_shown_by(secret("A"), is_mine=is_mine)
    assert not written.is_shown_by(secret("A", tags=MINE), is_mine=is_mine)


@pytest.mark.parametrize("state", State)
def test_a_deletion_that_a_listing_shows(state):
    """A deletion is shown by the row of its OCID that goes or is gone, whatever its tags."""
    going = {State.PENDING_DELETION, State.DELETING, State.DELETED}
    assert DELETED.is_shown_by(secret("A", state), is_mine=False) == (state in going)


@pytest.mark.parametrize(
    "written", [Written(at=NOW), WRITTEN.model_copy(update={"is_twice": True})]
)
def test_what_no_listing_shows(written):
    """A name of which it is not known what came of it, or that was written twice, is never shown."""
    assert not written.is_shown_by(secret("A", tags=MINE), is_mine=True)


def test_of_a_mark_nothing_is_known():
    """What is marked is neither known to be there nor to go, and was written once."""
    assert Written(at=NOW).model_dump(exclude={"at"}, exclude_none=True) == {
        "id": "",
        "digest": "",
        "is_going": False,
        "is_twice": False,
        "looks_as_before": False,
    }


def test_a_name_is_marked_before_it_is_written():
    """A mark says when, not what came of it; a second one says that it is the second."""
    later = NOW + timedelta(seconds=9)
    assert mark(None, NOW, Action.UPDATE) == Written(at=NOW)
    assert mark(WRITTEN, later, Action.UPDATE) == Written(at=later, is_twice=True)


def test_a_create_that_is_repeated_counts_from_its_first_time():
    """A name that somebody holds out of sight must not look like a stale listing without end."""
    later = NOW + timedelta(seconds=9)
    assert mark(WRITTEN, later, Action.CREATE) == Written(at=NOW, is_twice=True)
    assert mark(None, later, Action.CREATE) == Written(at=later)


def test_a_write_that_was_answered_is_not_under_way():
    """A write that is over counts as 20 s old: no call takes so long, so a look shows what came of it."""
    answered = mark(None, NOW, Action.UPDATE).as_answered()
    assert answered == Written(at=NOW - timedelta(seconds=20))


def test_little_is_kept_of_an_ocid_and_a_digest():
    """The last 16 characters tell an OCID or digest from any other."""
    assert short("ocid1.vaultsecret.oc1..abcdefghijklmnop") == "abcdefghijklmnop"
    assert (WRITTEN.id, WRITTEN.digest) == ("id-of-A", DIGEST[-16:])


@pytest.mark.parametrize("state", [State.PENDING_DELETION, State.DELETING, State.DELETED])
def test_a_deletion_by_somebody_else_is_later_than_the_write(state):
    """Deleted with the new digest is right; what looked the same before may have been deleted before."""
    row = secret("A", state, tags=MINE)
    assert WRITTEN.is_shown_by(row, is_mine=True)
    assert not WRITTEN.is_shown_by(secret("A", state, tags=tags("A", "2")), is_mine=True)
    assert not REPAIRED.is_shown_by(row, is_mine=True)
    untagged = Written(at=NOW).as_done("id-of-A", "", is_going=False)
    assert not untagged.is_shown_by(secret("A", state), is_mine=False)


def restored(before):
    """Return what is known of a name that was restored."""
    return mark(before, NOW, Action.RESTORE).as_done(
        "id-of-A", DIGEST, is_going=False, looks_as_before=True
    )


def test_what_is_restored_looks_as_it_was_written():
    """A restored secret is shown as ACTIVE with its digest; a row that still shows it deleted may be stale."""
    assert restored(WRITTEN).is_shown_by(secret("A", tags=MINE), is_mine=True)
    going = secret("A", State.PENDING_DELETION, tags=MINE)
    assert not restored(WRITTEN).is_shown_by(going, is_mine=True)


@pytest.mark.parametrize(
    "before",
    [Written(at=NOW), DELETED, WRITTEN.model_copy(update={"is_twice": True})],
    ids=["of which nothing is known", "deleted by this sync", "written twice"],
)
def test_what_is_restored_without_knowing_what_it_holds(before):
    """A restored secret is looked up where a listing from before may show it as it is not any more."""
    assert not restored(before).is_shown_by(secret("A", tags=MINE), is_mine=True)
