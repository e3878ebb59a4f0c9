import pytest

from functions.calls.deadline import CALL_TIMEOUT_SECONDS, LEASE_MARGIN_SECONDS, Gate
from functions.errors import ConfigChanged, DeadlineReached, LeaseLost
from tests.support.virtual_time import VirtualClock


def test_calls_may_start_until_the_deadline():
    """A call may start before the deadline, and none from then on."""
    clock = VirtualClock()
    gate = Gate(clock, deadline=30)
    clock.seconds = 29.9
    gate.check()
    assert gate.seconds_left() == pytest.approx(0.1)
    clock.seconds = 30
    with pytest.raises(DeadlineReached):
        gate.check()
    clock.seconds = 31
    assert gate.seconds_left() == 0


def test_no_call_outlives_the_lease():
    """A call may start only if it must end five seconds before another run may take the lease."""
    clock = VirtualClock()
    gate = Gate(clock, deadline=300, lease_until=45)
    clock.seconds = 45 - CALL_TIMEOUT_SECONDS - LEASE_MARGIN_SECONDS
    gate.check()
    clock.seconds += 0.01
    with pytest.raises(LeaseLost):
        gate.check()
    gate.lease_until = clock.seconds + 45
    gate.check()


def test_a_closed_gate_says_why_it_was_closed_first():
    """Once closed, a gate lets no call start and gives the first reason, whatever comes later."""
    gate = Gate(VirtualClock(), deadline=300)
    gate.close(ConfigChanged("edited"))
    gate.close(LeaseLost("taken"))
    with pytest.raises(ConfigChanged, match="edited"):
        gate.check()


def test_a_pause_never_reaches_the_deadline():
    """A pause is made only if it ends before the deadline."""
    clock = VirtualClock()
    gate = Gate(clock, deadline=10)
    assert gate.pause(9)
    assert clock.monotonic() == 9
    assert not gate.pause(1)
    assert clock.monotonic() == 9
