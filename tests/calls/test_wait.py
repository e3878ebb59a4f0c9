from functions.calls.deadline import Gate
from functions.calls.wait import LONGEST_PAUSE_SECONDS, PATIENCE_SECONDS, Patience
from tests.support.virtual_time import VirtualClock


def looks(clock, gate, found_after):
    """Return when it was looked, and what came of waiting for something that takes so many seconds."""
    start, times = clock.monotonic(), []

    def look():
        times.append(clock.monotonic() - start)
        return "there" if times[-1] >= found_after else None

    return times, Patience(gate).until(look)


def test_a_short_wait_is_noticed_soon():
    """It is looked at once, and what takes a second is noticed within a quarter of it."""
    clock = VirtualClock()
    times, found = looks(clock, Gate(clock, clock.monotonic() + 600), 1.0)
    assert (times[0], found) == (0.0, "there")
    assert times[-1] < 1.25


def test_a_long_wait_costs_few_looks():
    """Pauses grow up to the longest, less than one look a second in all; after the patience nobody looks again."""
    clock = VirtualClock()
    times, found = looks(clock, Gate(clock, clock.monotonic() + 600), 1e9)
    assert found is None
    assert PATIENCE_SECONDS < times[-1] < PATIENCE_SECONDS + LONGEST_PAUSE_SECONDS
    assert len(times) < PATIENCE_SECONDS


def test_the_deadline_ends_a_wait():
    """No pause reaches beyond the invocation's deadline."""
    clock = VirtualClock()
    times, found = looks(clock, Gate(clock, clock.monotonic() + 3), 1e9)
    assert found is None
    assert times[-1] < 3


def test_progress_renews_the_patience():
    """Whoever gets on is waited for from then on."""
    clock = VirtualClock()
    patience = Patience(Gate(clock, clock.monotonic() + 600))
    clock.sleep(PATIENCE_SECONDS + 1)
    assert not patience.pause()
    patience.renew()
    assert patience.pause()
