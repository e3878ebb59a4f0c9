"""Many syncs in virtual time: how soon a change arrives, how many calls that takes, and what it costs.

`python -m benchmarks.scale`: the function's own jobs run against services in memory, minute after
minute. What a call of a service costs in time is assumed; so is the rate that a tenant is allowed.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from benchmarks.fleet import MINUTES, PERCENT_A_MINUTE, RATES, SYNCS, WORKERS, Fleet, Load
from tests.support.virtual_cloud import VirtualCloud

WARM_UP_MINUTES = 5
TELL_EVERY_MINUTES = 5
MINUTES_A_MONTH = 43_200
MEMORY_GB = 0.25


@dataclass(frozen=True)
class Price:
    """US dollars for so many units, beyond those that are free in a month."""

    usd: float
    units: float
    free: float

    def of(self, amount: float) -> float:
        """Return what an amount costs in a month."""
        return max(0.0, amount - self.free) * self.usd / self.units


PRICES = {
    "invocations": Price(0.20, 1e6, 2e6),
    "GB-seconds": Price(0.00001417, 1, 400_000),
    "Object Storage requests": Price(0.0034, 1e4, 50_000),
    "Queue requests": Price(0.22, 1e6, 1e6),
    "API Gateway calls": Price(3.00, 1e6, 0),
}


@dataclass(frozen=True)
class Bill:
    """What is paid for in a month, by kind, and what it costs."""

    amounts: Mapping[str, float]

    @classmethod
    def of(cls, cloud: VirtualCloud, minutes: int) -> "Bill":
        """Return the bill of a month like these minutes."""
        calls = cloud.calls
        amounts = {
            "invocations": cloud.invocations.total(),
            "GB-seconds": cloud.busy_seconds * MEMORY_GB,
            "Object Storage requests": sum(n for c, n in calls.items() if c.startswith("store.")),
            "Queue requests": sum(n for c, n in calls.items() if c.startswith("queue.")),
            "API Gateway calls": cloud.invocations["webhook"],
        }
        return cls({kind: n * MINUTES_A_MONTH / minutes for kind, n in amounts.items()})

    @property
    def usd(self) -> dict[str, float]:
        """Return what each kind costs."""
        return {kind: PRICES[kind].of(amount) for kind, amount in self.amounts.items()}


def simulate(load: Load, tell: Console) -> list[str]:
    """Simulate a load; return the cells of its row."""
    fleet = Fleet(load)
    cloud = fleet.cloud
    for minute in range(WARM_UP_MINUTES + load.minutes):
        if minute == WARM_UP_MINUTES:
            fleet.forget()
        fleet.pass_minute()
        if minute % TELL_EVERY_MINUTES == 0:
            tell.print(f"… {load}: minute {minute}, {cloud.queue.depth()}")
    calls, bill = cloud.calls, Bill.of(cloud, load.minutes)
    about = {name: round(n / load.minutes) for name, n in sorted(calls.items())}
    tell.print(f"… calls a minute: {about}; USD a month: {bill.usd}")
    cuts = quantiles(fleet.arrivals, n=100)
    contents = calls["vault.read"] / load.minutes
    return [
        f"{load.workers}",
        f"{load.calls_per_second:.0f}",
        f"{cuts[49]:.1f} s",
        f"{cuts[98]:.1f} s",
        f"{fleet.waiting}",
        f"{contents:,.0f} of {load.contents_due_a_minute:,.0f}",
        f"{sum(n for c, n in calls.items() if c.startswith('vault.')) / load.minutes:,.0f}",
        f"{calls.total() / load.minutes:,.0f}",
        f"{cloud.refused.total() / calls.total():.1%}",
        f"{sum(bill.usd.values()):,.0f}",
    ]


COLUMNS = (
    "workers",
    "calls/s a family",
    "p50",
    "p99",
    "on their way",
    "contents a minute",
    "vault calls a minute",
    "all calls a minute",
    "refused",
    "USD a month",
)


def main() -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--syncs", type=int, default=SYNCS)
    parser.add_argument(
        "--percent", type=float, default=PERCENT_A_MINUTE, help="that change a minute"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--rate", type=float, nargs="+", default=RATES, help="calls/s a family")
    parser.add_argument("--interval", type=int, default=3600, help="RECONCILE_INTERVAL_SECONDS")
    parser.add_argument("--minutes", type=int, default=MINUTES)
    given = parser.parse_args()
    table = Table(*COLUMNS)
    tell = Console(stderr=True, highlight=False)
    for rate, workers in product(given.rate, given.workers):
        load = Load(given.syncs, given.percent, workers, rate, given.interval, given.minutes)
        table.add_row(*simulate(load, tell))
    Console(highlight=False, width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
