"""`python -m tests.support.house`: how large the rooms are, and how far a webhook walks through them.

It prints lines by package, lengths of functions, and the files of a real call, and fails where a figure
is beyond its limit.
"""

import ast
import json
import logging
import statistics
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from functions.triggers.call import Call
from infra.local.infisical.webhooks import sign
from tests.support.api import PROJECT, running_api
from tests.support.payloads import webhook_body

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "functions"
LIBRARY = {"sync_config.py", "oci_connection.py", "fields.py", "job.py"}
BEHIND_PORTS = {"sources", "stores", "vault", "cloud"}
TOOLS = {"calls"}
MAX_STORY_LINES = 2000
MAX_PACKAGE_LINES = 1500
MAX_API_LINES = 1600
MAX_HOUSE_LINES = 9400
MAX_WEBHOOK_FILES = 15
MAX_P90_LINES = 18
MAX_README_BYTES = 7 * 1024


def lines_of(file: Path) -> int:
    """Return the physical lines of a file."""
    return len(file.read_text().splitlines())


def package_of(file: Path) -> str:
    """Return the package of a file, or the file where it stands at the top."""
    return file.relative_to(HOUSE).parts[0]


def lines_by_package() -> dict[str, int]:
    """Return the lines of each package, and of each file at the top."""
    lines: defaultdict[str, int] = defaultdict(int)
    for file in sorted(HOUSE.rglob("*.py")):
        lines[package_of(file)] += lines_of(file)
    return dict(lines)


def function_lengths() -> list[tuple[int, str]]:
    """Return the length of each function, without its decorators, and its name."""
    lengths = []
    for file in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                where = f"{file.relative_to(ROOT)}:{node.name}"
                lengths.append(((node.end_lineno or 0) - node.lineno + 1, where))
    return sorted(lengths)


class Trace:
    """Which file of functions/ called which, in any thread, while the context lasts."""

    def __init__(self) -> None:
        self.calls: set[tuple[str, str]] = set()

    def __enter__(self):
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame, event, _argument):
        if event != "call" or not self._is_ours(frame):
            return
        caller = frame.f_back
        while caller and not self._is_ours(caller):
            caller = caller.f_back
        if caller:
            self.calls.add((caller.f_code.co_filename, frame.f_code.co_filename))

    @staticmethod
    def _is_ours(frame):
        return frame.f_code.co_filename.startswith(f"{HOUSE}/")


def trace_of_a_webhook() -> Trace:
    """Return what a webhook calls that changes a secret."""
    with running_api() as api:
        api.create()
        api.source.set("dev", "/api", "TOKEN", "two")
        stamp = int(api.clock.now().timestamp() * 1000)
        about = {"workspaceId": PROJECT, "environment": "dev", "secretPath": "/api"}
        body = webhook_body(timestamp=stamp, project=about)
        signature = sign(body, api.infisical.webhook_secret, stamp)
        call = Call(body, "POST", "/webhooks/infisical", {"x-infisical-signature": signature})
        with Trace() as trace:
            reply = api.app.handle(call, 300)
        assert json.loads(json.dumps(reply.body))["jobs"][0]["outcome"] == "succeeded", reply
    return trace


def files_on_the_way(trace: Trace) -> list[str]:
    """Return the files that a call enters and leaves for another: what only answers is not passed through.

    What stands behind a Protocol is not told there, and clocks, deadlines and pools are tools.
    """
    way = {str(HOUSE / "func.py")}  # it hands over what OCI Functions brings
    for caller, called in trace.calls:
        is_told = package_of(Path(caller)) not in BEHIND_PORTS | TOOLS
        if is_told and caller != called and package_of(Path(called)) not in TOOLS:
            way.add(caller)
    return sorted(str(Path(file).relative_to(HOUSE)) for file in way)


def measured() -> Iterator[tuple[str, int, int]]:
    """Print the figures; yield those that have a limit, each with it."""
    packages = lines_by_package()
    for name, lines in sorted(packages.items(), key=lambda item: -item[1]):
        say(f"{lines:6} lines  {name}")
    for name, lines in packages.items():
        limit = MAX_API_LINES if name == "api" else MAX_PACKAGE_LINES
        yield f"lines of {name}", lines, limit
    yield "lines of functions/", sum(packages.values()), MAX_HOUSE_LINES
    story = [f for part in ("run", "plan") for f in (HOUSE / part).glob("*.py")]
    story_lines = sum(lines_of(file) for file in story if file.name not in LIBRARY)
    yield "lines of run/ and plan/", story_lines, MAX_STORY_LINES
    lengths = function_lengths()
    numbers = [length for length, _ in lengths]
    longest, where = lengths[-1]
    say(
        f"{len(numbers)} functions: median {statistics.median(numbers):.0f} lines, longest {longest} ({where})"
    )
    yield "lines of nine functions of ten", numbers[len(numbers) * 9 // 10], MAX_P90_LINES
    trace = trace_of_a_webhook()
    way = files_on_the_way(trace)
    say(
        f"a webhook runs code of {len({file for pair in trace.calls for file in pair})} files; its way:"
    )
    for file in way:
        say(f"       {file}")
    yield "files on a webhook's way", len(way), MAX_WEBHOOK_FILES
    yield "bytes of README.md", (ROOT / "README.md").stat().st_size, MAX_README_BYTES


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Print every figure; return 1 where one is beyond its limit."""
    logging.disable(logging.CRITICAL)
    figures = list(measured())
    for what, figure, limit in figures:
        say(f"{figure:6} {what}, at most {limit}{'' if figure <= limit else ': TOO MUCH'}")
    return any(figure > limit for _, figure, limit in figures)


if __name__ == "__main__":
    sys.exit(main())
