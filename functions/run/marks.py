"""Marks: what is about to be written is in the memory before, and is confirmed or taken back afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.plan.models import Action, Change
from functions.plan.ownership import DIGEST_TAG
from functions.plan.table import Planner
from functions.plan.written import Written, mark, short
from functions.run.apply import Results
from functions.state.memory import Memory


@dataclass(frozen=True, slots=True)
class Marks:
    """The changes that are under way."""

    memory: Memory
    settled: dict[str, str]
    """See `Run.settled`."""
    changes: Sequence[Change]
    planner: Planner
    results: Results
    before: Mapping[str, Written | None]
    """What was known of their names."""

    @classmethod
    def put(
        cls,
        memory: Memory,
        settled: dict[str, str],
        changes: Sequence[Change],
        planner: Planner,
        results: Results,
        now: datetime,
    ) -> "Marks":
        """Mark changes; the memory is yet to be written."""
        known = {change.name: memory.recent.get(change.name) for change in changes}
        for change in changes:
            memory.recent[change.name] = mark(known[change.name], now, change.action)
            memory.settled.pop(change.name, None)
            settled.pop(change.name, None)
        return cls(memory, settled, changes, planner, results, known)

    def confirm(self) -> None:
        """Note what is known to be done."""
        memory, done = self.memory, self.results.done.copy()  # other threads add to it
        for change in self.changes:
            if change.name not in done:
                continue
            secret_id = change.secret.id if change.secret else self.results.ids[change.name]
            before = digest = change.secret.tags.get(DIGEST_TAG, "") if change.secret else ""
            if change.value and change.action != Action.RESTORE:
                digest = self.planner.tags(change.name, change.value)[DIGEST_TAG]
                self.settled[change.name] = short(digest)
                if memory.settled_by:
                    memory.settled[change.name] = short(digest)
            is_going, is_same = change.action == Action.DELETE, digest == before
            memory.recent[change.name] = memory.recent[change.name].as_done(
                secret_id, digest, is_going=is_going, looks_as_before=is_same
            )

    def take_back(self) -> None:
        """Forget the marks of what was not written after all."""
        recent = self.memory.recent
        for change in self.changes:
            name, before = change.name, self.before[change.name]
            if name in self.results.errors and change.action == Action.UPDATE:
                recent[name] = recent[name].as_answered()  # it may have been written in part
            elif name in self.results.errors or not self.results.was_begun(name):
                recent.pop(name)
                recent |= {name: before} if before else {}
