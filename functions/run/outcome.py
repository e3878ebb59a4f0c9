"""What a run came to, and how it is written into the status document and told to people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from functions.plan.job import MAX_ATTEMPTS, Job
from functions.plan.models import Action
from functions.plan.plan import Plan, join
from functions.run.apply import Results

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
    counts: Counter[str] = field(default_factory=Counter)
    changed: dict[str, set[str]] = field(default_factory=dict)
    """By action: the names that were changed, tags apart."""
    errors: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    strangers: Sequence[str] = ()
    stops: tuple[str, ...] = ()
    drift: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    has_written: bool = False

    def take_plan(self, plan: Plan, strangers: Sequence[str] = ()) -> None:
        """Take over what the newest plan says; a warning of strangers stays when they are gone."""
        self.errors = dict(plan.errors)
        self.strangers = strangers or self.strangers
        self.warnings = (*self.strangers, *plan.warnings)
        self.stops = plan.stops
        self.drift |= set(plan.drift)
        self.unchanged = plan.unchanged

    def take_results(self, results: Results) -> None:
        """Add what became of a plan's changes."""
        self.counts.update(action.value for action in results.done.values())
        for name, action in results.done.items():
            if action != Action.TAG:
                self.changed.setdefault(action.value, set()).add(name)
        left = {name: why for name, why in self.errors.items() if name not in results.done}
        self.errors = left | results.errors
        self.waiting = dict(results.again)
        self.has_written |= bool(results.done or results.again)

    def seconds(self, now: datetime) -> float:
        """Return how long the run took until now."""
        return round((now - self.started_at) / timedelta(seconds=1), 3)

    def conclude(self, plan: Plan | None = None) -> Outcome:
        """Return the outcome of a run that came to its end."""
        if not self.errors:
            return Outcome(End.SUCCEEDED, join(self.warnings) or None, plan=plan)
        reasons = [f"{name}: {why}" for name, why in sorted(self.errors.items())]
        text = f"{len(reasons)} failed, the others are done. {join(reasons)}"
        return Outcome(End.FAILED, text, plan=plan)


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
