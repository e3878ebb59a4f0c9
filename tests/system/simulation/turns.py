"""Whose turn it is to work on a sync, and which looks at it count: told by the writes to its status."""

from functions.plan.models import JobKind
from functions.state.status import Phase


class Turns:
    """The writes to each sync's status, by number, and the leases in them: which looks they let count.

    A run's turn begins with the write of its lease. It must have looked under it, or while the status was
    the very one that the lease replaced, and that one free: then nobody else worked on the sync or told
    of a change between the look and the lease. When the holder takes the mark of a hint away it has
    to look once more: whoever left the mark relies on it.
    """

    def __init__(self):
        self._writes = {}
        self._turns = {}
        self._views = {}

    def now(self, name):
        """Return the number of the last write to a status."""
        return self._writes.get(name, 0)

    def turn(self, name):
        """Return which run's turn it is."""
        return self._turns.get(name, 0)

    def written(self, view, name, before, after):
        """Note a write, by a process whose newest run `view` is of."""
        number = self._writes[name] = self.now(name) + 1
        lease, held = after and after.lease, before and before.lease
        if lease is None:
            return
        if held is None or held.run != lease.run:
            self._views[lease.run] = view
            view.turn = self._turns[name] = self.turn(name) + 1
            view.lease_counts_from = number - 1 if before and held is None else number
            view.counts_from = view.lease_counts_from
        elif before.rerun and not after.rerun:
            self._views[lease.run].counts_from = number

    def ends_unseen(self, before, after):
        """Say whether the holder of a lease ends by a look that does not count."""
        if before is None or after is None or before.lease is None or after.lease is not None:
            return False
        if after.runs and after.runs[0].kind == JobKind.CLEANUP:
            return False  # it asks the source for nothing
        view = self._views[before.lease.run]
        looked_at = min(view.read_at, view.saw_vault_at)
        match before.sync.status, after.sync.status:
            case Phase.RUNNING, Phase.SUCCEEDED:
                return looked_at < view.counts_from
            case Phase.RUNNING, Phase.FAILED:  # by what it planned, or as it could not look at all
                has_planned = any(map(after.runs[0].counts.get, ("unchanged", "errors")))
                return has_planned and looked_at < view.lease_counts_from
        return False
