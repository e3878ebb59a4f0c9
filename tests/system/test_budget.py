"""What a call may cost: outside calls, imports, threads."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET
from tests.support.example_sync import PROJECT
from tests.support.world import running_world

LATENCY_SECONDS = 0.04
MAX_CALLS_IN_A_ROW = 5
TRIES = 8
"""On a machine that is busy with other things a measurement is taken again."""
MANY = 1000
MAX_MEMORY_KILOBYTES = 128 * 1024
LIST_PAGE_ROWS = 1000
NO_METRICS = {"METRICS_NAMESPACE": ""}
"""Metrics are optional; they cost one call an invocation, when all else is done."""


@pytest.fixture(scope="module")
def world():
    """A stack without metrics."""
    with running_world(env=NO_METRICS) as world:
        yield world


def in_a_row(starts):
    """Return how many calls of LATENCY_SECONDS each did not overlap: those that waited for another."""
    count, end = 0, 0.0
    for start in sorted(starts):
        if start >= end:
            count, end = count + 1, start + LATENCY_SECONDS
    return count


def test_a_warm_invocation():
    """A webhook for 12 secrets of which 2 changed has at most five outside calls on its critical path."""
    with running_world(latency_seconds=LATENCY_SECONDS, env=NO_METRICS) as world:
        sync = world.sync(values={f"K{n}": "1" for n in range(12)})
        sync.run()
        asked = []
        world.infisical.faults = lambda _request: asked.append(
            world.clock.monotonic() - LATENCY_SECONDS
        )
        counts = []
        for number in range(TRIES):
            world.age(10)
            sync.set("K1", str(number))
            sync.set("K2", str(number))
            world.cloud.reset_calls()
            asked.clear()
            assert sync.webhook()[0] == 200
            assert world.cloud.count("UpdateSecret") == 2
            assert world.cloud.count("GetSecretBundle") == 0
            counts.append(in_a_row([*asked, *(call.at_monotonic for call in world.cloud.calls)]))
            if counts[-1] <= MAX_CALLS_IN_A_ROW:
                break
    assert min(counts) <= MAX_CALLS_IN_A_ROW


@pytest.fixture(scope="module")
def large(world):
    """A sync of 1,000 secrets, right after its first run."""
    sync = world.sync()
    webhooks, world.source.on_change = world.source.on_change, lambda _place: None
    for n in range(MANY):
        sync.set(f"K{n:04}", f"value {n}")
    world.source.on_change = webhooks
    assert sync.webhook()[0] in (200, 202)
    while sync.status.sync.status != "succeeded":
        world.age(30)
        world.tick()
    assert len(sync.live) == MANY
    return sync


@pytest.mark.parametrize("aged_seconds", [5, 1000], ids=["right after a first run", "later"])
def test_a_run_that_changes_nothing(world, large, aged_seconds):
    """An event run of 1,000 unchanged secrets reads the source once, lists the vault, reads no content."""
    world.age(aged_seconds)
    world.cloud.reset_calls()
    world.infisical.calls.clear()
    pages = -(-sum(1 for _ in world.cloud.vault._in(large.vault_id)) // LIST_PAGE_ROWS)
    assert large.webhook()[0] == 200
    assert Counter(world.operations()) == {
        "ListObjects": 1,
        "PutMessages": 1,
        "GetObject": 3,
        "PutObject": 2,
        "ListSecrets": pages,
    }
    assert world.infisical.calls == ["GET /api/v4/secrets"]


def test_the_memory_of_a_run(world, large):
    """A container that synced 1,000 secrets needs less than 128 MB."""
    peaks = [
        Path(f"/proc/{container._process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        for container in world.stack.host._idle
    ]
    assert max(map(int, peaks)) < MAX_MEMORY_KILOBYTES


def test_a_tick_over_ten_thousand_syncs(world):
    """A tick over 10,000 syncs of which none is due lists three prefixes and asks for a pause and the queue, nothing else."""
    world.reset()
    configs = 10_000
    objects = world.cloud.objects
    for n in range(configs):
        objects.put(BUCKET, f"{PREFIX}/secret-syncs/{PROJECT}/s{n}.json", b"never read")
    for n in range(configs):
        objects.put(BUCKET, f"{PREFIX}/verified/{PROJECT}/s{n}", b"")
        objects.put(BUCKET, f"{PREFIX}/status/{PROJECT}/s{n}.json", b"{}")
    world.command("tick")
    world.cloud.reset_calls()
    world.infisical.calls.clear()
    world.command("tick")
    calls = Counter(world.operations())
    calls.pop("GetStats", None)  # dead letters are counted once in ten minutes
    assert calls == {
        "GetMessages": 1,
        "GetObject": 1,  # is everything paused?
        "ListObjects": 3 * configs // LIST_PAGE_ROWS,
    }
    assert world.infisical.calls == []
    world.reset()


def test_an_empty_tick(world):
    """A tick without any sync costs five calls: is there a pause, a message, a sync that is due, a status without one?"""
    world.reset()
    world.command("tick")
    world.cloud.reset_calls()
    world.command("tick")
    calls = Counter(world.operations())
    calls.pop("GetStats", None)
    assert calls == {"GetObject": 1, "GetMessages": 1, "ListObjects": 3}


def test_no_thread_outlives_an_invocation(world):
    """When a call is answered only the thread that answered it is left: the container may be frozen."""
    world.reset()
    sync = world.sync(values={f"K{n}": "1" for n in range(20)})
    sync.webhook()
    world.tick()
    containers = world.stack.host._idle
    assert containers
    for container in containers:
        tasks = Path(f"/proc/{container._process.pid}/task")
        assert len(list(tasks.iterdir())) == 1


LOAD = """
import json, sys

import functions.func
app = functions.func._app()
print(json.dumps(sorted(sys.modules)))
"""


def test_what_loading_the_function_takes(world):
    """With an oci:// store nothing needless is loaded: no boto3, no local stack, no test tools."""
    command = [sys.executable, "-c", LOAD]
    env = world.env
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    packages = {name.split(".")[0] for name in json.loads(result.stdout)}
    assert {"oci", "pydantic", "fdk", "functions"} <= packages
    assert not packages & {
        *("boto3", "botocore", "rich", "flask", "werkzeug"),
        *("moto", "hypothesis", "infra", "pytest"),
    }
