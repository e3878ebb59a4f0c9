"""The benchmarks are run by people, and seldom: what they stand on must not move away unnoticed."""

from benchmarks.__main__ import GROUPS, main
from benchmarks.fleet import Fleet, Load


def test_the_names_of_the_benchmarks(capsys):
    """A name that is none is refused with those there are; all of them can be loaded."""
    assert main(["nonsense"]) == 2
    assert ", ".join(GROUPS) in " ".join(capsys.readouterr().out.split())


def test_a_small_fleet():
    """Of many syncs in virtual time each change arrives, and what is due is verified."""
    fleet = Fleet(Load(syncs=60, percent_a_minute=10, workers=2, interval_seconds=600))
    for _ in range(10):
        fleet.pass_minute()
    assert len(fleet.arrivals) + fleet.waiting == 60
    assert fleet.waiting <= 1
    assert max(fleet.arrivals) < 10
    assert fleet.cloud.calls["vault.read"] >= 50 * 20
