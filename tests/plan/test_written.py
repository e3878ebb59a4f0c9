"""Whether a listing, which may be stale, shows what was written lately."""

from datetime import UTC, datetime

import pytest

from functions.plan.models import Action, State, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.written import Written, mark

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITTEN = Written(at=NOW)


def done(written=WRITTEN, digest="new", *, is_going=False, looks_as_before=False):
    """Return it as known to be done to the secret `id`."""
    how = {"is_going": is_going, "looks_as_before": looks_as_before}
    return written.as_done("id", digest, **how)


def shows(written, state, digest="new", secret_id="id", *, is_mine=True):
    """Say whether a row in this state with this digest shows it."""
    row = VaultSecret(secret_id, "A", state, {DIGEST_TAG: digest} if digest else {}, "c")
    return written.is_shown_by(row, is_mine=is_mine)


def test_a_row_shows_a_write_by_its_digest():
    """A row shows a write if it is that secret, ACTIVE, with the digest that was written."""
    assert shows(done(), State.ACTIVE)
    assert not shows(done(), State.ACTIVE, "old")
    assert not shows(done(), State.ACTIVE, secret_id="another")
    assert not shows(done(), State.ACTIVE, is_mine=False)
    assert not shows(done(), State.UPDATING)
    assert not done().is_shown_by(None, is_mine=False)


def test_what_is_not_known_or_written_twice_is_shown_by_no_row():
    """A write of which nothing is known, or a second one, is looked up whatever the listing shows."""
    assert not shows(WRITTEN, State.ACTIVE)
    twice = mark(done(), NOW, Action.UPDATE)
    assert not shows(done(twice), State.ACTIVE)


@pytest.mark.parametrize("state", [State.PENDING_DELETION, State.DELETED])
def test_a_deletion_by_somebody_else_is_later_than_the_write(state):
    """Deleted with the new digest is right; what looked the same before may have been deleted before."""
    assert shows(done(), state)
    assert not shows(done(), state, "old")
    assert not shows(done(looks_as_before=True), state)
    assert not shows(done(digest=""), state, "")


def test_a_deletion_of_ones_own():
    """A deletion is shown as such alone."""
    gone = done(digest="old", is_going=True)
    assert shows(gone, State.PENDING_DELETION, "old")
    assert not shows(gone, State.ACTIVE, "old")


def test_what_is_restored_looks_as_it_was_written():
    """A restored secret is shown as ACTIVE with its digest; a row that still shows it deleted may be stale."""
    restored = done(mark(done(), NOW, Action.RESTORE), looks_as_before=True)
    assert shows(restored, State.ACTIVE)
    assert not shows(restored, State.PENDING_DELETION)


@pytest.mark.parametrize(
    "before",
    [WRITTEN, done(is_going=True), done(mark(done(), NOW, Action.UPDATE))],
    ids=["of which nothing is known", "deleted by this sync", "written twice"],
)
def test_what_is_restored_without_knowing_what_it_holds(before):
    """A restored secret is looked up where a listing from before may show it as it is not any more."""
    restored = done(mark(before, NOW, Action.RESTORE), looks_as_before=True)
    assert not shows(restored, State.ACTIVE)
