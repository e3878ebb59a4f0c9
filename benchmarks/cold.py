"""A cold container: how soon it answers, and how much memory it takes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.table import Table

from benchmarks.simulators import World
from benchmarks.waits import fill
from functions.calls.clock import SystemClock
from infra.local.host import Host

ROOT = Path(__file__).parents[1]
TRIES = 5
SECRETS = 1000
LIBRARIES = (
    "import fdk, oci; from pydantic import BaseModel"  # `import pydantic` loads next to nothing
)
OWN_MODULES = """
import sys, time
before = set(sys.modules)
import functions.app, functions.func
foreign = [name for name in sys.modules if name not in before and not name.startswith("functions")]
print(*foreign)
"""
OWN_TIME = """
import importlib, sys, time
for name in sys.stdin.read().split():
    importlib.import_module(name)
begin = time.perf_counter()
import functions.app, functions.func
print(time.perf_counter() - begin)
"""


def tables() -> Iterator[Table]:
    """Measure cold containers."""
    table = Table("a cold container", "figure", "aim")
    with World() as world:
        world.do(fill, SECRETS)
        env = {**os.environ, **world.env, "PYTHONPATH": str(ROOT)}
        libraries = _best(lambda: run_python(LIBRARIES, env))
        reply = _best(lambda: _first_reply(env))
        memory = memory_mb(env)
    foreign = run_python(OWN_MODULES, env)
    own = min(float(run_python(OWN_TIME, env, foreign)) for _ in range(TRIES))
    table.add_row(
        "first reply",
        f"{reply * 1000:.0f} ms; importing fdk, pydantic, oci alone {libraries * 1000:.0f} ms; "
        f"ratio {reply / libraries:.2f}",
        "≤ 1.5",
    )
    table.add_row("importing the function's own modules", f"{own * 1000:.0f} ms", "< 50 ms")
    table.add_row(
        f"most memory, syncing {SECRETS} secrets",
        f"{memory:.0f} MB" if memory else "not known on this system",
        "< 128 MB",
    )
    yield table


def _best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few tries: the others were disturbed."""

    def once() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return min(once() for _ in range(TRIES))


def run_python(code: str, env: Mapping[str, str], given: str = "") -> str:
    """Return what this Python prints for a piece of code."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(  # noqa: S603 - it runs this very Python
        command, env=env, input=given, capture_output=True, text=True, check=True
    )
    return done.stdout


def new_host(env: Mapping[str, str], containers: int = 1) -> Host:
    """Return a host of the function as it is here."""
    function = ROOT / "functions" / "func.py"
    clock = SystemClock()
    return Host(function, env, clock=clock, log=lambda _line: None, containers=containers)


def _first_reply(env: Mapping[str, str]) -> None:
    """Start a container and have it answer; what it is asked needs nobody outside."""
    with new_host(env) as host:
        host.call(json.dumps({"type": "RESET"}).encode())


def memory_mb(env: Mapping[str, str]) -> float | None:
    """Return the high-water mark of a container that made a first and a further sync."""
    with new_host(env) as host:
        for _ in range(2):
            reply = host.call(json.dumps({"command": "sync", "sync": "bench"}).encode())
            if json.loads(reply.body).get("outcome") != "succeeded":
                raise RuntimeError(f"The run did not succeed: {reply.body.decode()[:500]}")
        (container,) = host._idle  # noqa: SLF001 - nobody else needs its process
        return high_water_mb(container._process.pid)  # noqa: SLF001


def high_water_mb(pid: int) -> float | None:
    """Return the most memory that a process ever had; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    rows = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(rows["VmHWM"].split()[0]) / 1024
