"""What a job did in all its attempts: each run records its own, and how much was done before it."""

from collections import Counter
from collections.abc import Sequence

from functions.state.status import RunRecord

NO_CHANGES = frozenset({"unchanged", "errors"})
"""Counts that say how things are now."""


def changes_of(runs: Sequence[RunRecord], job_id: str) -> dict[str, int]:
    """Return how many names a job has changed so far, by action."""
    last = next((run for run in runs if run.job_id == job_id), None)
    return _changes(last) if last else {}


def last_job(runs: Sequence[RunRecord]) -> RunRecord | None:
    """Return what the job of the newest run did, as one run; names are of the runs that are kept."""
    if not runs:
        return None
    attempts = [run for run in runs if run.job_id == runs[0].job_id]
    last, first = attempts[0], attempts[-1]
    changed: dict[str, set[str]] = {}
    for run in attempts:
        for action, names in run.changed.items():
            changed.setdefault(action, set()).update(names)
    # What an earlier attempt made equal is no more unchanged than what the last one did.
    unchanged = max(0, last.counts.get("unchanged", 0) - sum(last.before.values()))
    return last.model_copy(
        update={
            "started_at": first.started_at,
            "seconds": round(sum(run.seconds for run in attempts), 3),
            "counts": {**last.counts, **_changes(last), "unchanged": unchanged},
            "changed": {action: sorted(names) for action, names in changed.items()},
            "drift": sorted({name for run in attempts for name in run.drift}),
            "before": {},
        }
    )


def _changes(run: RunRecord) -> dict[str, int]:
    own = {action: count for action, count in run.counts.items() if action not in NO_CHANGES}
    return dict(Counter(own) + Counter(run.before))
