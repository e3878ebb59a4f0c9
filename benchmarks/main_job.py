"""The main job: how fast a changed folder reaches the vault."""

from collections.abc import Iterator

from rich.table import Table

from benchmarks.bare import THREADS, Bare, measure
from benchmarks.function import Run
from benchmarks.simulators import Options, Simulators, World
from benchmarks.waits import AROUND, TRIES, change, prepared

CREATES = 200
MANY = 1000


def tables() -> Iterator[Table]:
    """Measure the main job."""
    table = Table("the main job, 20 ms per call", "figure", "aim", "calls")
    with prepared(Options(), size=12) as (world, function):
        function.sync()
        function.nap()
        world.do(change, 2)
        run = function.webhook()
    table.add_row(
        "warm, 12 secrets, 2 changed",
        f"{run.chain} calls one after another, {run.seconds * 1000:.0f} ms",
        "≤ 8 calls",
        run.told,
    )
    bare = min(_bare_creates() for _ in range(TRIES))
    run = min((_creates() for _ in range(TRIES)), key=lambda run: run.seconds)
    table.add_row(
        f"{CREATES} creates, 8 at a time",
        f"{run.seconds:.2f} s; bare loop {bare:.2f} s; ratio {run.seconds / bare:.2f}",
        "≤ 1.3",
        run.told,
    )
    with prepared(Options(), size=MANY) as (_, function):
        function.sync()
        function.nap()
        run = function.webhook()
    table.add_row(
        f"no-op event, {MANY} secrets",
        f"{run.seconds * 1000:.0f} ms",
        "1 source list, list pages, 3 status calls, 1 message, no bundle",
        run.told,
    )
    yield table


def _creates() -> Run:
    with prepared(Options(), size=CREATES) as (_, function):
        return function.sync()


def _bare_creates() -> float:
    """Return the seconds of the same calls in a loop: small ones one after another, then the creates."""
    with World() as world:
        world.do(Simulators.add_sync)
        bare = Bare(world)
        bare.small_calls(1)
        bare.creates([f"WARM_{number}" for number in range(2 * THREADS)])
        around = measure(lambda: bare.small_calls(AROUND + 1))
        creates = bare.creates([f"BARE_{number}" for number in range(CREATES)])
        return around.wall_seconds + creates.wall_seconds
