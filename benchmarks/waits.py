"""Never stuck: how long syncs take with many secrets, lifecycle states and limits in their way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from rich.table import Table

from benchmarks.bare import THREADS, Costs, Took, measure_costs
from benchmarks.function import Function, Run
from benchmarks.simulators import Options, Simulators, World
from functions.plan.models import State
from infra.local.oci.secret import Durations

SIZES = (25, 100, 200, 1000)
USUAL = 100
SDK_PAGE_ROWS = 1000
LIMIT_PER_SECOND = 20
UPDATES = 35
TRIES = 3
CALM_SECONDS = 600
"""After so long nothing that was written counts as recent any more."""
AROUND = 4
"""Calls before and after the work: list configs; queue the job, status read meanwhile; lease; record."""
AIM = 1.25


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    run: Run
    floor_seconds: float


def tables() -> Iterator[Table]:
    """Measure it; yield a table for each group of rows."""
    costs = measure_costs()
    columns = ("20 ms per call, 8 at a time", "wall s", "floor s", f"ratio (aim ≤ {AIM})", "calls")
    for measure in (_sizes, _small_pages, _states, _limits):
        table = Table(*columns, caption=_describe(costs))
        for row in measure(costs):
            ratio = row.run.seconds / row.floor_seconds
            style = "yellow" if ratio > AIM else None
            figures = (f"{row.run.seconds:.2f}", f"{row.floor_seconds:.2f}", f"{ratio:.2f}")
            table.add_row(row.what, *figures, row.run.told, style=style)
        yield table


def _describe(costs: Costs) -> str:
    def told(took: Took) -> str:
        return f"{took.wall_seconds * 1000:.1f} ms ({took.cpu_seconds * 1000:.1f} ms of work)"

    return (
        f"The bare SDK in this run: a small call {told(costs.step)}; one of many, eight at a time: "
        f"create {told(costs.create.took)}, read and update {told(costs.replace.took)}."
    )


def _sizes(costs: Costs) -> Iterator[Row]:
    for size in SIZES:
        yield from _first_noop_changed(costs, size, Options())


def _small_pages(costs: Costs) -> Iterator[Row]:
    for size in SIZES:
        yield from _first_noop_changed(costs, size, Options(page_size=25))


def _first_noop_changed(costs: Costs, size: int, options: Options) -> Iterator[Row]:
    rows_a_page = options.page_size or SDK_PAGE_ROWS
    pages = ceil(size / rows_a_page)
    about = f"{size} secrets" + (f", pages of {rows_a_page}" if options.page_size else "")
    changed = max(1, size * 5 // 100)
    with prepared(options, size) as (world, function):
        floor = costs.floor(AROUND + 1, 0, size, costs.create)
        yield Row(f"{about}: first sync", function.sync(), floor)
        runs = [_webhook(world, function, 0) for _ in range(TRIES)]
        yield Row(f"{about}: no-op", _fastest(runs), costs.floor(AROUND + pages, size))
        runs = [_webhook(world, function, changed) for _ in range(TRIES)]
        floor = costs.floor(AROUND + pages, size, changed, costs.replace)
        yield Row(f"{about}: {changed} changed", _fastest(runs), floor)


def _states(costs: Costs) -> Iterator[Row]:
    after_wait = 2  # list, record
    with _synced(Options(Durations(cancelling=2))) as (world, function):
        function.nap(CALM_SECONDS)
        world.do(_schedule_deletions, 10)
        cancels = ceil(10 / THREADS)
        floor = costs.floor(AROUND + 1 + cancels + 1, 2 * USUAL, waits=2)
        yield Row("10 keys pending deletion, cancelling takes 2 s", function.webhook(), floor)
    with _synced(Options()) as (world, function):
        function.nap(CALM_SECONDS)
        world.do(change, 1)
        world.do(_block, 3.0)
        floor = costs.floor(after_wait, USUAL, 1, costs.replace, waits=3)
        yield Row("a foreign secret UPDATING for 3 s", function.webhook(), floor)
    with _synced(Options(Durations(creating=1.5, updating=1.5))) as (world, function):
        world.do(change, 1)
        floor = costs.floor(after_wait, USUAL, 1, costs.replace, waits=1.5)
        yield Row("creating takes 1.5 s, a change right after the sync", function.webhook(), floor)


def _limits(costs: Costs) -> Iterator[Row]:
    with prepared(Options(calls_per_second=LIMIT_PER_SECOND)) as (_, function):
        # A bucket of one second is full at the beginning.
        waits = (USUAL - LIMIT_PER_SECOND) / LIMIT_PER_SECOND
        floor = costs.floor(AROUND + 1, 0, waits=waits)
        what = f"{USUAL} secrets: first sync at {LIMIT_PER_SECOND} calls/s for each family"
        yield Row(what, function.sync(), floor)
    with prepared(Options(), size=1) as (world, function):
        function.sync()
        runs = [_webhook(world, function, 1) for _ in range(UPDATES)]
        # Update refused, versions listed, old ones scheduled for deletion: twice within 35.
        floor = UPDATES * costs.floor(AROUND + 1, 1, 1, costs.replace) + costs.floor(2 * 3, 0)
        what = f"one key updated {UPDATES} times, at most 30 versions"
        yield Row(what, _sum(runs), floor)


def _webhook(world: World, function: Function, changed: int) -> Run:
    function.nap()
    world.do(change, changed)
    return function.webhook()


def _fastest(runs: Sequence[Run]) -> Run:
    """Return the run that was disturbed least."""
    return min(runs, key=lambda run: run.seconds)


def _sum(runs: Sequence[Run]) -> Run:
    calls = tuple(call for run in runs for call in run.calls)
    return Run(sum(run.seconds for run in runs), calls)


@contextmanager
def prepared(options: Options, size: int = USUAL) -> Iterator[tuple[World, Function]]:
    """Start services with a folder that no run has seen yet, and a warm function."""
    with World(options) as world:
        world.do(fill, size)
        function = Function(world)
        function.warm_up()
        yield world, function


@contextmanager
def _synced(options: Options) -> Iterator[tuple[World, Function]]:
    with prepared(options) as (world, function):
        function.sync()
        yield world, function


def fill(simulators: Simulators, size: int) -> None:
    """Store a sync, and so many secrets in its folder."""
    simulators.add_sync()
    simulators.set({f"KEY_{number:04}": f"value of {number}" for number in range(size)})


def change(simulators: Simulators, size: int) -> None:
    """Change so many secrets of the folder."""
    now = simulators.clock.now().isoformat()
    simulators.set({f"KEY_{number:04}": f"{number} at {now}" for number in range(size)})


def _schedule_deletions(simulators: Simulators, size: int) -> None:
    for number in range(size):
        simulators.cloud.vault.edit(f"own_KEY_{number:04}", state=State.PENDING_DELETION)


def _block(simulators: Simulators, seconds: float) -> None:
    vault, now = simulators.cloud.vault, simulators.clock.now()
    vault.seed("foreign", b"not ours")
    vault.get("foreign").move(now, State.UPDATING, now + timedelta(seconds=seconds), State.ACTIVE)
