"""Many secrets in one sync: jobs of many ticks, in virtual time, and the memory of a container."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.cold import LIBRARIES, ROOT, memory_mb, run_python
from benchmarks.row import Row, count_row
from benchmarks.simulators import Simulators, World
from benchmarks.waits import fill
from tests.support.virtual_cloud import TICK_EVERY_SECONDS, VirtualCloud

SECRETS = 5_000
CALLS_PER_SECOND = 20
MOST = 1.15
MOST_MEGABYTES = 128
MOST_TICKS = 60
UNINTERRUPTED_SECONDS = 36_000.0
NOTHING_ELSE = f"{LIBRARIES}\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"


def rows() -> Iterator[Row]:
    """Measure jobs that take many ticks, against the same job in one run."""
    what = f"{SECRETS:,} secrets {{}} at {CALLS_PER_SECOND} calls/s in 45-s ticks (virtual)"
    yield count_row(what.format("created"), _creates(), _creates(is_cut=False).total(), MOST)
    yield count_row(what.format("verified"), _verified(), _verified(is_cut=False).total(), MOST)


def memory_rows() -> Iterator[Row]:
    """Measure the memory of a container that syncs so many secrets, beside that of the libraries alone."""
    with World() as world:
        world.do(fill, SECRETS)
        world.do(_without_latency)
        env = {**os.environ, **world.env, "PYTHONPATH": str(ROOT)}
        peak = memory_mb(env)
    if peak is None:
        return
    floor = int(run_python(NOTHING_ELSE, env)) / 1024
    yield Row(
        f"memory, {SECRETS:,} secrets created",
        f"{peak:.0f} MB",
        f"{floor:.0f} MB",
        peak / floor,
        f"≤ {MOST_MEGABYTES} MB",
        peak <= MOST_MEGABYTES,
    )


def _without_latency(simulators: Simulators) -> None:
    simulators.cloud.latency_seconds = simulators.infisical.latency_seconds = 0.0


def _creates(*, is_cut: bool = True) -> Counter[str]:
    return until_done(world_of(SECRETS), is_cut=is_cut)


def _verified(*, is_cut: bool = True) -> Counter[str]:
    cloud = world_of(SECRETS)
    cloud.rate = None
    until_done(cloud, is_cut=False)
    cloud.pass_time(2 * cloud.interval.total_seconds())
    cloud.rate = CALLS_PER_SECOND
    return until_done(cloud, is_cut=is_cut)


def world_of(secrets: int) -> VirtualCloud:
    """Return a cloud with one sync of so many secrets, none of which is in the vault."""
    cloud = VirtualCloud(calls_per_second=CALLS_PER_SECOND, interval=timedelta(hours=8))
    cloud.add_sync("large", {f"KEY_{number:05}": f"value {number}" for number in range(secrets)})
    return cloud


def until_done(cloud: VirtualCloud, *, is_cut: bool) -> Counter[str]:
    """Let ticks pass until the sync is verified and nothing waits, or one run of a tick that nobody cuts."""
    cloud.take_calls()
    before = cloud.status("large").verified_at
    if not is_cut:
        cloud.start("tick", lambda invocation: invocation.tick(3600.0), UNINTERRUPTED_SECONDS)
        cloud.pass_time(UNINTERRUPTED_SECONDS)
        assert cloud.status("large").verified_at != before
        return cloud.take_calls()
    for _ in range(MOST_TICKS):
        cloud.tick()
        cloud.pass_time(TICK_EVERY_SECONDS)
        if cloud.status("large").verified_at != before and not cloud.queue.messages:
            return cloud.take_calls()
    raise AssertionError(cloud.status("large"))
