"""What a run came to, and how it is written into the status document and told to people."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from functions.plan.job import MAX_ATTEMPTS, Job
from functions.plan.models import Action
from functions.plan.plan import Plan, join
from functions.run.apply import Results
from functions.run.words import grouped, names_of

BLOCKED_RETRY_SECONDS = 30.0
FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 600.0


class End(StrEnum):
    """How a run ended. WAITING: something blocks it or time was short, so it is tried again."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WAITING = "waiting"
    LEASED_ELSEWHERE = "held"
    """Another run holds the lease; nothing was done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to whoever started the run; `not_before` says when a waiting job is due again."""

    end: End
    message: str | None = None
    is_blocked: bool = False
    retry_after_seconds: float | None = None
    not_before: datetime | None = None
    plan: Plan | None = None
    has_given_up: bool = False
    """Whether a job that was still waiting was ended for good by its last attempt."""
    has_progress: bool = False
    """Whether a waiting job got on, and only ran out of time: it goes on at once, counting from one."""

    @property
    def is_final(self) -> bool:
        """Say whether the job needs no further attempt."""
        return self.end in (End.SUCCEEDED, End.FAILED)

    def next_of(self, job: Job) -> Job:
        """Return the next attempt of a job that is waiting and due again."""
        assert self.not_before
        return (job.as_first_attempt() if self.has_progress else job).again(self.not_before)


@dataclass(slots=True)
class RunSummary:
    """What a run did so far, over all its passes."""

    run_id: str
    started_at: datetime
    read_at: datetime | None = None
    verified_at: datetime | None = None
    """When the verification began that this run brought to its end."""
    imported: int = 0
    done: dict[str, Action] = field(default_factory=dict)
    """What was done to which name; what was restored or created and then changed counts as that."""
    errors: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    left_behind: Sequence[str] = ()
    strangers: Sequence[str] = ()
    stops: tuple[str, ...] = ()
    drift: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    has_written: bool = False
    has_progress: bool = False
    """Whether a write was confirmed, or a verification got on."""

    def take_plan(
        self, plan: Plan, strangers: Sequence[str] = (), deleted_before: Container[str] = ()
    ) -> None:
        """Take over what the newest plan says; a warning of strangers stays when they are gone.

        What the sync itself deleted before is no drift when it comes back.
        """
        self.errors = dict(plan.errors)
        self.strangers = strangers or self.strangers
        self.warnings = (*self.left_behind, *self.strangers, *plan.warnings)
        self.stops = plan.stops
        restored = {change.name for change in plan.changes if change.action == Action.RESTORE}
        self.drift |= set(plan.drift) - {name for name in restored if name in deleted_before}
        open_names = plan.errors.keys() | {change.name for change in plan.changes}
        # What this run itself made equal is no longer a change in its newest plan.
        written = [name for name, action in self.done.items() if action != Action.DELETE]
        self.unchanged = plan.unchanged - sum(name not in open_names for name in written)

    def take_results(self, results: Results) -> None:
        """Add what became of a plan's changes."""
        for name, action in results.done.items():
            first = self.done.get(name)
            is_part_of_it = first in (Action.CREATE, Action.RESTORE) and action != Action.DELETE
            self.done[name] = first if first and is_part_of_it else action
        left = {name: why for name, why in self.errors.items() if name not in results.done}
        self.errors = left | results.errors
        self.waiting = dict(results.again)
        self.has_written |= bool(results.done or results.again)
        self.has_progress |= bool(results.done)

    def seconds(self, now: datetime) -> float:
        """Return how long the run took until now."""
        return round((now - self.started_at) / timedelta(seconds=1), 3)

    def counts(self) -> dict[str, int]:
        """Return how many names met which fate."""
        return {**self.changes(), "unchanged": self.unchanged, "errors": len(self.errors)}

    def changes(self) -> dict[str, int]:
        """Return how many names were changed in which way."""
        imported = {"imported": self.imported} if self.imported else {}
        return {**Counter(action.value for action in self.done.values()), **imported}

    def changed(self) -> dict[str, list[str]]:
        """Return the names by action, tags apart."""
        names: dict[str, list[str]] = {}
        for name, action in sorted(self.done.items()):
            if action != Action.TAG:
                names.setdefault(action.value, []).append(name)
        return names

    def conclude(self, plan: Plan | None = None) -> Outcome:
        """Return the outcome of a run that came to its end."""
        told = [f"Done, with warnings: {join(self.warnings).rstrip('.')}."] if self.warnings else []
        if self.errors:
            count = f"{len(self.errors)} failed, the others are done."
            told = [f"{count} {join(grouped(self.errors))}"]
        if self.drift:
            told.append(f"Changed in the vault by somebody else: {names_of(sorted(self.drift))}.")
        end = End.FAILED if self.errors else End.SUCCEEDED
        return Outcome(end, " ".join(told) or None, plan=plan)


def schedule(outcome: Outcome, job: Job, now: datetime, random: Random) -> Outcome:
    """Say when a waiting job is due again, or that this was its last attempt."""
    if outcome.end != End.WAITING:
        return outcome
    if outcome.has_progress:
        return replace(outcome, not_before=now)
    if job.attempt >= MAX_ATTEMPTS:
        text = f"Gave up after {job.attempt} attempts. {outcome.message}"
        return Outcome(End.FAILED, text, has_given_up=True)
    doubled = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (job.attempt - 1))
    usual = BLOCKED_RETRY_SECONDS if outcome.is_blocked else doubled * random.uniform(0.5, 1.0)
    due = now + timedelta(seconds=max(usual, outcome.retry_after_seconds or 0.0))
    text = f"{outcome.message} It is tried again at about {due:%H:%M:%S} UTC."
    return replace(outcome, message=text, not_before=due)
