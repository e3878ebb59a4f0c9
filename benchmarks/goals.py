"""The goals: each scenario beside its floor, the bare loop of the calls that nobody can spare.

The floor is measured in the same run, at the same simulators: one list of the vault, the writes eight at a
time over warm connections, four small calls for source, store and queue, and whatever the simulator
lets everybody wait for.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil

from rich.console import Console
from rich.table import Table

from benchmarks import large, many
from benchmarks.bare import THREADS, Bare, measure
from benchmarks.function import Function, Run
from benchmarks.row import Row, ratio_row
from benchmarks.simulators import LATENCY_SECONDS, Options, Simulators, World
from benchmarks.waits import change, prepared
from functions.calls.pace import WINDOW_SECONDS
from functions.plan.models import State
from infra.local.oci.secret import Durations

SECRETS = 200
CHANGED = 10
WAVES = ceil(CHANGED / THREADS)
TRIES = 3
AROUND_SECONDS = 4 * LATENCY_SECONDS
LIMIT_PER_SECOND = 20
CANCELLING_SECONDS = 2.0
TRANSITION_SECONDS = 1.5


@dataclass(frozen=True)
class Floors:
    """Seconds of the bare calls."""

    listing: float
    create: float
    update: float
    """Of so many secrets as change."""
    update_one: float
    cancel: float


def tables() -> Iterator[Table]:
    """Measure all goals; yield one table."""
    console = Console(stderr=True, highlight=False)
    before = os.getloadavg()[0]
    table = Table("20 ms a call", "measured", "floor", "× floor", "goal", "calls")
    for row in _rows(console):
        style = None if row.is_met else "yellow"
        table.add_row(*row.cells, style=style)
    after = os.getloadavg()[0]
    table.caption = (
        f"{os.cpu_count()} processors; load average {before:.1f} at the beginning, {after:.1f} at the "
        "end. The virtual rows run in virtual time, at services in memory."
    )
    yield table


def _rows(console: Console) -> Iterator[Row]:
    console.print("… the floors")
    floors = _floors()
    groups: Sequence[Callable[[], Iterable[Row]]] = (
        lambda: [_first_sync(floors)],
        lambda: _events(floors),
        lambda: [_undeletions(floors)],
        lambda: [_throttled()],
        lambda: [_change_after_first_sync(floors)],
        large.rows,
        large.memory_rows,
        many.rows,
    )
    for group in groups:
        for row in group():
            console.print(f"… {row.what}: {row.measured}")
            yield row


def _floors() -> Floors:
    with World() as world:
        world.do(Simulators.add_sync)
        ids = world.do(_seed, SECRETS)
        bare = Bare(world)
        bare.list()
        bare.updates(ids[: 2 * THREADS])
        numbers = count()
        names = [f"own_ROW_{number}" for number in range(CHANGED)]

        def cancel() -> float:
            world.do(_schedule_deletions, names)
            return bare.cancellations(ids[:CHANGED]).wall_seconds

        return Floors(
            listing=_best(lambda: measure(bare.list).wall_seconds),
            update=_best(lambda: bare.updates(ids[:CHANGED]).wall_seconds),
            update_one=_best(lambda: bare.updates(ids[:1]).wall_seconds),
            cancel=_best(cancel),
            create=_best(
                lambda: bare.creates([f"BARE_{next(numbers)}" for _ in range(SECRETS)]).wall_seconds
            ),
        )


def _best(measure_once: Callable[[], float]) -> float:
    """Return the time of the try that was disturbed least."""
    return min(measure_once() for _ in range(TRIES))


def _first_sync(floors: Floors) -> Row:
    runs = []
    for _ in range(TRIES):
        with prepared(Options(), SECRETS) as (_, function):
            runs.append(function.sync())
    floor = floors.create + LATENCY_SECONDS + AROUND_SECONDS  # the vault is empty: one small page
    return ratio_row(f"first sync of {SECRETS}", _fastest(runs), floor, 1.15)


def _events(floors: Floors) -> Iterator[Row]:
    with prepared(Options(), SECRETS) as (world, function):
        function.sync()
        runs = [_event(world, function, 0) for _ in range(TRIES)]
        floor = floors.listing + AROUND_SECONDS
        yield ratio_row("no-op event", _fastest(runs), floor, 1.1, most_steps=3)
        runs = [_event(world, function, CHANGED) for _ in range(TRIES)]
        floor += floors.update
        what = f"{CHANGED} of {SECRETS} changed, {WAVES} waves of {THREADS}"
        yield ratio_row(what, _fastest(runs), floor, 1.25, most_steps=4 + WAVES)


def _undeletions(floors: Floors) -> Row:
    options = Options(Durations(cancelling=CANCELLING_SECONDS))
    with prepared(options, SECRETS) as (world, function):
        function.sync()
        function.nap()
        world.do(_schedule_deletions, [f"own_KEY_{number:04}" for number in range(CHANGED)])
        run = function.webhook()
    floor = floors.listing + floors.cancel + AROUND_SECONDS + CANCELLING_SECONDS
    what = f"{CHANGED} of {SECRETS} pending deletion right after a first sync, 2 s to cancel"
    return ratio_row(what, run, floor, 1.2)


def _throttled() -> Row:
    with prepared(Options(), SECRETS) as (world, function):
        function.sync()
        function.nap()
        time.sleep(2 * WINDOW_SECONDS)  # what was allowed before the limit says nothing of it
        world.do(_limit, LIMIT_PER_SECOND)
        world.do(change, SECRETS)
        run = function.webhook()
    floor = (SECRETS - LIMIT_PER_SECOND) / LIMIT_PER_SECOND
    what = f"all of {SECRETS} changed, {LIMIT_PER_SECOND} calls/s a family"
    return ratio_row(what, run, floor, 1.3)


def _change_after_first_sync(floors: Floors) -> Row:
    options = Options(Durations(creating=TRANSITION_SECONDS, updating=TRANSITION_SECONDS))
    with prepared(options, SECRETS) as (world, function):
        function.sync()
        world.do(change, 1)
        run = function.webhook()
    floor = floors.listing + floors.update_one + AROUND_SECONDS + TRANSITION_SECONDS
    return ratio_row("a change right after a first sync, 1.5 s transitions", run, floor, 1.2)


def _event(world: World, function: Function, changed: int) -> Run:
    function.nap()
    world.do(change, changed)
    return function.webhook()


def _fastest(runs: Sequence[Run]) -> Run:
    return min(runs, key=lambda run: run.seconds)


def _seed(simulators: Simulators, rows: int) -> list[str]:
    tags = {"oci-vault-sync": "x" * 36, "oci-vault-sync-digest": "x" * 73}
    vault = simulators.cloud.vault
    return [vault.seed(f"own_ROW_{number}", b"value", tags=tags) for number in range(rows)]


def _schedule_deletions(simulators: Simulators, names: Sequence[str]) -> None:
    for name in names:
        simulators.cloud.vault.edit(name, state=State.PENDING_DELETION)


def _limit(simulators: Simulators, calls_per_second: float) -> None:
    families = ("list", "read", "bundle", "write", "queue", "objects")
    simulators.cloud.rate_limits.update(dict.fromkeys(families, calls_per_second))
