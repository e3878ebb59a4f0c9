"""The main job: how fast a changed folder reaches the vault."""

from collections.abc import Iterator

from rich.table import Table

from benchmarks.bare import Bare, Costs
from benchmarks.function import Run
from benchmarks.waits import change, prepared
from benchmarks.world import Options, World

CREATES = 200
MANY = 1000


def tables(_costs: Costs) -> Iterator[Table]:
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
        _calls(run),
    )
    bare = _bare_creates()
    with prepared(Options(), size=CREATES) as (_, function):
        run = function.sync()
    table.add_row(
        f"{CREATES} creates, 8 at a time",
        f"{run.seconds:.2f} s; bare loop {bare:.2f} s; ratio {run.seconds / bare:.2f}",
        "≤ 1.3",
        _calls(run),
    )
    with prepared(Options(), size=MANY) as (_, function):
        function.sync()
        function.nap()
        run = function.webhook()
    table.add_row(
        f"no-op event, {MANY} secrets",
        f"{run.seconds * 1000:.0f} ms",
        "1 source list, list pages, 3 status calls, 1 message, no bundle",
        _calls(run),
    )
    yield table


def _bare_creates() -> float:
    with World() as world:
        bare = Bare(world)
        bare.creates([f"WARM_{number}" for number in range(16)])
        return bare.creates([f"BARE_{number}" for number in range(CREATES)]).wall_seconds


def _calls(run: Run) -> str:
    return ", ".join(f"{name} {n}" for name, n in run.by_operation.most_common())
