"""The image's files, as `make image` builds them: how large, and how soon a cold container answers."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

from rich.table import Table

from benchmarks.cold import LIBRARIES, ROOT
from benchmarks.simulators import World
from functions.calls.clock import SystemClock
from infra.image.build import Tree, size_mb
from infra.local.host import Host

TREE = Tree(ROOT / ".local" / "image")
FUNCTION = TREE.function / "functions" / "func.py"
STARTS = 10


def tables() -> Iterator[Table]:
    """Measure the files of the image, if they are built, beside the packages of this environment."""
    if not TREE.packages.exists():
        yield Table("the image", "is not built: make image")
        return
    with World() as world:
        env = {**world.env, "PYTHONPATH": TREE.python_path}
        replies, imports = _in_turn(lambda: _first_reply(env), _import_libraries)
    table = Table("the image", "fastest", f"median of {STARTS}", "aim")
    table.add_row("packages", f"{size_mb(TREE.packages):.1f} MB", "", "< 60 MB")
    table.add_row("from process start to first reply", *_ms(replies), "")
    table.add_row("importing fdk, pydantic and all of oci", *_ms(imports), "")
    ratios = [reply / other for reply, other in zip(replies, imports, strict=True)]
    fastest = min(replies) / min(imports)
    table.add_row(
        "ratio of reply and import", f"{fastest:.2f}", f"{statistics.median(ratios):.2f}", "≤ 0.78"
    )
    yield table


def _in_turn(*works: Callable[[], float]) -> list[list[float]]:
    """Return the seconds of each, measured in turn after a round that fills the disk's cache."""
    rounds = [[work() for work in works] for _ in range(STARTS + 1)]
    return [list(column) for column in zip(*rounds[1:], strict=True)]


def _import_libraries() -> float:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", LIBRARIES]
    begin = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)  # noqa: S603 - this very Python
    return time.perf_counter() - begin


def _first_reply(env: dict[str, str]) -> float:
    """Return the seconds until a new container has answered what needs nobody outside."""
    begin = time.perf_counter()
    with Host(FUNCTION, env, clock=SystemClock(), log=print, runtime=TREE.runtime) as host:
        reply = host.call(json.dumps({"type": "RESET"}).encode())
        seconds = time.perf_counter() - begin
    if reply.status != HTTPStatus.OK:
        raise RuntimeError(f"The function does not answer: {reply.body.decode()[:500]}")
    return seconds


def _ms(seconds: list[float]) -> tuple[str, str]:
    return f"{min(seconds) * 1000:.0f} ms", f"{statistics.median(seconds) * 1000:.0f} ms"
