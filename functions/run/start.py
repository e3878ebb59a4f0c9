"""How a run begins: it takes the lease and, where nobody seems to be at work, looks at both sides meanwhile.

The lease is taken by compare-and-swap on the status as it was loaded, before anything was read. So if that
first swap succeeds nobody else worked on the sync between the load and the lease, and what was read in that
time is what the holder of the lease would have read. If another status was seen the look does not count,
even where it turns out that the lease bears this run's name, the answer to its write being lost: the mark
of a hint may have come after it, and taking the lease again takes the mark away.
"""

from collections.abc import Callable
from datetime import timedelta

from functions.run.context import SYNC_KINDS, Run
from functions.run.observe import Observed
from functions.state.status import Status
from functions.state.status_document import StatusDocument

SPACING_SECONDS = 2.0
"""Runs that hints caused read one folder no more often than this: a burst of hints costs few runs."""


def take_lease(run: Run, begin: Callable[[Status], None]) -> bool:
    """Take the lease, applying `begin` in the same write; False: another run holds it."""
    if not _may_look(run):
        return run.lease.take(begin, mark_rerun=run.job.is_coalescable)
    document, loads = run.document, run.document.loads
    taken: list[tuple[bool, bool]] = []

    def take() -> None:
        is_held = run.lease.take(begin, mark_rerun=run.job.is_coalescable)
        taken.append((is_held, _is_untouched(document, loads)))

    run.summary.read_at = run.services.clock.now()
    look: Observed | Exception
    try:
        # The memory too: read along with the status it might miss what the last run recorded.
        look = run.observer.observe(document.status, took_over=False, meanwhile=[take])
    except Exception as error:  # it is raised again where all errors of a run are dealt with
        if not taken:
            raise
        look = error
    [(is_held, counts)] = taken
    if counts:
        run.early_look = look
    else:
        run.summary.read_at = None
        run.observer.forget()
    return is_held


def first_look(run: Run) -> Observed:
    """Return both sides as they were while the lease was taken, else look at them now."""
    look, run.early_look = run.early_look, None
    if isinstance(look, Exception):
        raise look
    if look:
        run.recall()
        return look
    _space_out(run)
    return run.observe()


def _may_look(run: Run) -> bool:
    """Say whether the first look need not wait for the lease."""
    is_free = run.document.shows_no_lease
    return run.job.kind in SYNC_KINDS and is_free and not _wait_seconds(run)


def _is_untouched(document: StatusDocument, loads: int) -> bool:
    """Say whether no other status was seen since it had been loaded so many times."""
    return document.loads == loads


def _space_out(run: Run) -> None:
    """Keep runs that hints caused apart; the hints of that time are served by this run."""
    wait = _wait_seconds(run)
    if wait and run.gate.pause(wait):
        run.lease.change(lambda status: setattr(status, "rerun", False))


def _wait_seconds(run: Run) -> float:
    last = run.summary.read_at or run.document.status.read_at
    if not run.job.is_coalescable or run.job.cause == "tick" or last is None:
        return 0.0
    wait = SPACING_SECONDS - (run.services.clock.now() - last) / timedelta(seconds=1)
    return wait if 0 < wait <= SPACING_SECONDS else 0.0
