import pytest

from functions.calls.deadline import Gate
from functions.calls.pace import AdaptiveRate
from functions.calls.retry import MOST_TRIES, Retrying
from functions.errors import DeadlineReached, LeaseLost, NotFound, Temporary, Throttled
from infra.local.http import Failure
from infra.local.oci.traffic import RateLimits
from tests.support.virtual_time import VirtualClock, VirtualWorld


class Attempts:
    """A call that fails with the given errors, one after the other, and then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def retrying(clock: VirtualClock, deadline: float = 60.0) -> Retrying:
    """Return the thing under test, with the longest waits."""
    return Retrying(Gate(clock, deadline=deadline), random=lambda: 1.0)


def test_a_temporary_failure_is_tried_again():
    """A call that fails for the moment is tried again, after longer and longer waits."""
    clock = VirtualClock()
    attempts = Attempts(Temporary("reset"), Temporary("reset"), Temporary("reset"))

    assert retrying(clock).call(attempts) == "done"
    assert attempts.made == 4
    assert clock.monotonic() == pytest.approx(0.1 + 0.2 + 0.4)


def test_waits_are_jittered_down_to_a_half():
    """Waits vary at random, so that callers who failed together do not return together."""
    clock = VirtualClock()
    Retrying(Gate(clock, deadline=60), random=lambda: 0.0).call(Attempts(Temporary("reset")))
    assert clock.monotonic() == pytest.approx(0.05)


def test_a_permanent_failure_is_not_tried_again():
    """An answer that will not change is passed on at once."""
    attempts = Attempts(NotFound("gone"))
    with pytest.raises(NotFound):
        retrying(VirtualClock()).call(attempts)
    assert attempts.made == 1


def test_tries_end():
    """A call that keeps failing is given up after six tries, with its own error."""
    attempts = Attempts(*(Temporary(f"reset {number}") for number in range(10)))
    with pytest.raises(Temporary, match="reset 5"):
        retrying(VirtualClock()).call(attempts)
    assert attempts.made == MOST_TRIES


def test_refusals_for_the_rate_are_tried_again_as_long_as_there_is_time():
    """A call refused for its rate is tried again until it passes or the time is used up."""
    attempts = Attempts(*(Throttled("slow down") for _ in range(30)))
    assert retrying(VirtualClock(), deadline=600).call(attempts) == "done"

    clock = VirtualClock()
    with pytest.raises(Throttled):
        retrying(clock, deadline=20).call(Attempts(*(Throttled("slow") for _ in range(99))))
    assert clock.monotonic() < 20


def test_the_wait_that_the_service_asks_for_is_kept():
    """`Retry-After` is waited for, and nobody waits in vain for one beyond the deadline."""
    clock = VirtualClock()
    retrying(clock).call(Attempts(Temporary("busy", retry_after_seconds=7)))
    assert clock.monotonic() == 7

    clock = VirtualClock()
    with pytest.raises(Temporary, match="busy"):
        retrying(clock, deadline=5).call(Attempts(Temporary("busy", retry_after_seconds=7)))
    assert clock.monotonic() == 0


def test_no_call_starts_after_the_deadline():
    """Past the deadline no call starts, and the error says that none was made."""
    attempts = Attempts()
    with pytest.raises(DeadlineReached):
        retrying(VirtualClock(), deadline=0).call(attempts)
    assert attempts.made == 0


def test_a_call_that_was_made_never_looks_as_if_it_was_not():
    """Where the gate closes between two tries, the error is that of the try, not OutOfTime."""
    clock = VirtualClock()
    gate = Gate(clock, deadline=60)

    def attempt() -> None:
        gate.close(LeaseLost("taken over"))
        raise Temporary("reset")

    with pytest.raises(Temporary, match="reset"):
        Retrying(gate, random=lambda: 1.0).call(attempt)


def test_without_refusals_nothing_is_paced():
    """As long as the service refuses nothing, calls start at once."""
    pace = AdaptiveRate(VirtualClock())
    for _ in range(1000):
        assert pace.reserve() == 0
        pace.answered()


def test_calls_refused_together_cut_the_rate_once():
    """Eight refusals of calls that were in flight together count as one."""
    clock = VirtualClock()
    pace = AdaptiveRate(clock)
    for _ in range(20):
        pace.answered()
    for _ in range(8):
        pace.refused(None)
    waits = [pace.reserve() for _ in range(10)]
    assert waits[9] == pytest.approx(10 / 18)


def test_all_callers_keep_the_wait_that_one_was_told():
    """A `Retry-After` told to one caller holds up the others of the family too."""
    pace = AdaptiveRate(VirtualClock())
    pace.refused(3.0)
    assert pace.reserve() == 3.0


def test_a_pace_is_forgotten():
    """Ten minutes after the last refusal, or a year, calls start at once again."""
    for seconds in (600, 365 * 86_400):
        clock = VirtualClock()
        pace = AdaptiveRate(clock)
        pace.refused(None)
        clock.sleep(seconds)
        pace.answered()
        assert [pace.reserve() for _ in range(3)] == [0, 0, 0]


def test_a_pace_is_remembered_between_two_runs():
    """What one run found out serves the next of the same container some minutes later."""
    world = VirtualWorld()
    pace = AdaptiveRate(world)
    served(30, 20, workers=8, latency_seconds=0.02, world=world, pace=pace)
    world.run(lambda: world.sleep(300))
    _, refused = served(30, 20, workers=8, latency_seconds=0.02, world=world, pace=pace)
    assert refused <= 0.03 * 30 * 20


def served(
    seconds: float,
    limit: float,
    workers: int,
    latency_seconds: float,
    *,
    world: VirtualWorld | None = None,
    pace: AdaptiveRate | None = None,
) -> tuple[int, int]:
    """Return how many calls of busy workers are served and refused at a server's limit."""
    world = world or VirtualWorld()
    limits = RateLimits(world)
    limits["write"] = limit
    pace = pace or AdaptiveRate(world)
    made = Retrying(Gate(world, deadline=world.monotonic() + seconds), random=lambda: 0.5)
    summary = {"served": 0, "refused": 0}

    def attempt() -> None:
        world.sleep(latency_seconds)
        try:
            limits.take("write")
        except Failure:
            summary["refused"] += 1
            raise Throttled("429") from None
        summary["served"] += 1

    def worker() -> None:
        while True:
            try:
                made.call(attempt, pace)
            except (DeadlineReached, Throttled):
                return

    world.run(*[worker] * workers)
    return summary["served"], summary["refused"]


@pytest.mark.parametrize("latency_seconds", [0.005, 0.1, 0.3])
@pytest.mark.parametrize("workers", [8, 16])
def test_calls_keep_close_below_the_limit_of_the_service(workers, latency_seconds):
    """At a limit of 20 calls a second at least 90 % of it is used, and few calls are refused."""
    seconds, limit = 60, 20
    good, refused = served(seconds, limit, workers, latency_seconds)
    assert good >= 0.9 * seconds * limit
    assert refused <= 0.05 * good


@pytest.mark.parametrize("limit", [2, 5])
def test_a_low_limit_is_found(limit):
    """A limit of a few calls a second is found too, and few calls are refused."""
    good, refused = served(200, limit, workers=8, latency_seconds=0.05)
    assert good >= 0.9 * 200 * limit
    assert refused <= 0.05 * good
