"""Many at once: a burst of webhooks, a long list of syncs, a tick that finds nothing."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bare import Bare, measure
from benchmarks.cold import ROOT, new_host
from benchmarks.function import Function, signed_webhook
from benchmarks.row import Row
from benchmarks.simulators import PROJECT, Simulators, World
from benchmarks.waits import change, fill
from functions.run.start import SPACING_SECONDS
from functions.triggers.webhook import WEBHOOK_PATH
from infra.local.host import Host

WEBHOOKS = 48
CONTAINERS = 6
BURST_SECRETS = 12
CALM_SECONDS = SPACING_SECONDS + 1
"""So long after a run the next one reads at once."""
MOST_LISTS = CONTAINERS + 2
LISTED = 1_000
MOST_LIST_SECONDS = 2.0
IDLE = 10_000
MOST_TICK_SECONDS = 1.0
GATEWAY = {
    "Fn-Intent": "httprequest",
    "Fn-Http-Method": "POST",
    "Fn-Http-Request-Url": WEBHOOK_PATH,
}


def rows() -> Iterator[Row]:
    """Measure each."""
    yield _burst()
    yield _list()
    yield _idle_tick()


def _burst() -> Row:
    with World() as world:
        world.do(fill, BURST_SECRETS)
        env = {**os.environ, **world.env, "PYTHONPATH": str(ROOT)}
        with new_host(env, CONTAINERS) as host:
            _together(
                host, [json.dumps({"command": "plan", "sync": "bench"}).encode()] * CONTAINERS
            )
            host.call(json.dumps({"command": "sync", "sync": "bench"}).encode())
            time.sleep(CALM_SECONDS)
            world.do(Simulators.take_calls)
            world.do(change, 1)
            took = measure(lambda: _webhooks(world, host))
        calls = Counter(call.operation for call in world.do(Simulators.take_calls))
    lists = calls["ListSecrets"]
    return Row(
        f"burst: {WEBHOOKS} webhooks on {CONTAINERS} containers, one key changed",
        f"{lists} vault lists, {took.wall_seconds:.1f} s",
        "1 list",
        None,
        f"≤ {MOST_LISTS} lists",
        lists <= MOST_LISTS and calls["UpdateSecret"] == 1,
        ", ".join(f"{name} {times}" for name, times in calls.most_common()),
    )


def _webhooks(world: World, host: Host) -> None:
    body, header = signed_webhook(world)
    headers = GATEWAY | {f"Fn-Http-H-{name}": value for name, value in header.items()}
    with ThreadPoolExecutor(WEBHOOKS) as senders:
        list(senders.map(lambda _: host.call(body, headers), range(WEBHOOKS)))


def _together(host: Host, bodies: list[bytes]) -> None:
    with ThreadPoolExecutor(len(bodies)) as senders:
        list(senders.map(host.call, bodies))


def _list() -> Row:
    with World() as world:
        world.do(_store, LISTED)
        command = {"command": "list", "project": PROJECT}
        Function(world).call(command)  # another container wrote the index
        cold = Function(world)
        cold.call({"command": "list", "project": "another"})
        run = cold.call(command)
        floor = measure(lambda: Bare(world).small_calls(3)).wall_seconds
    return Row(
        f"list of {LISTED:,} syncs, cold",
        f"{run.seconds:.2f} s",
        f"{floor:.2f} s",
        run.seconds / floor,
        f"≤ {MOST_LIST_SECONDS:.0f} s",
        run.seconds <= MOST_LIST_SECONDS,
        run.told,
    )


def _idle_tick() -> Row:
    with World() as world:
        world.do(_store, IDLE)
        function = Function(world)
        tick = {"command": "tick"}
        function.call(tick)
        run = function.call(tick)
        bare = Bare(world)
        prefixes = ("secret-syncs/", "status/", "verified/")
        bare.object_pages(prefixes)
        floor = bare.object_pages(prefixes).wall_seconds
    return Row(
        f"a tick that finds nothing, {IDLE:,} syncs",
        f"{run.seconds:.2f} s",
        f"{floor:.2f} s",
        run.seconds / floor,
        f"≤ {MOST_TICK_SECONDS:.0f} s; list pages only",
        run.seconds <= MOST_TICK_SECONDS,
        run.told,
    )


def _store(simulators: Simulators, syncs: int) -> None:
    """Store syncs that were just verified."""
    names = ["bench", *(f"s{number}" for number in range(1, syncs))]
    for name in names:
        simulators.add_sync(name)
    for name in names:
        simulators.bucket.put(f"status/{PROJECT}/{name}.json", b'{"version": 3}')
        simulators.bucket.put(f"verified/{PROJECT}/{name}", b"")
