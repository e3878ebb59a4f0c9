"""Tests that are imported once, and run in forks in which one function is another."""

import functools
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
import types
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TextIO

import pytest
from _pytest.runner import runtestprotocol

LIMIT_SECONDS = 120
"""A test that takes longer has been made to wait for ever: the change was noticed."""
THE_SIMULATION = "the simulation"
UNDECIDED, NOTICED, BROKEN = range(3)


class Forks:
    """The process that has imported the tests, in a copy of the tree."""

    def __init__(self, root: Path, tests: Sequence[str]) -> None:
        ordered, orders = os.pipe()
        answers, answered = os.pipe()
        command = [sys.executable, "-m", "tests.support.mutants.forks", f"{ordered}", f"{answered}"]
        with (root / "forks.log").open("w") as log:
            self._process = subprocess.Popen(
                [*command, *tests], cwd=root, pass_fds=(ordered, answered), stdout=log, stderr=log
            )
        os.close(ordered)
        os.close(answered)
        self._orders = os.fdopen(orders, "w")
        self._answers = os.fdopen(answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait(LIMIT_SECONDS)

    def noticed_by(self, **order: Any) -> str | None:
        """Return what notices a change, None where nothing does."""
        print(json.dumps(order), file=self._orders, flush=True)
        return json.loads(self._answers.readline())


class Server:
    """A pytest plugin: instead of running its tests once, it runs those of each order, in a fork.

    An order is a line of JSON; the answer is what noticed the change, null where nothing did.
    """

    def __init__(self, orders: TextIO, answers: TextIO) -> None:
        self._orders = orders
        self._answers = answers
        self._noticed: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for line in self._orders:
            name = self._noticed_by(items, json.loads(line))
            self._noticed[name or ""] += 1
            print(json.dumps(name), file=self._answers, flush=True)
        return True

    def _noticed_by(self, items: dict[str, pytest.Item], order: dict[str, Any]) -> str | None:
        told, telling = os.pipe()
        pid = os.fork()
        if not pid:
            os.setsid()
            name, code = "", BROKEN
            try:
                name = _try(items, order, self._noticed)
                code = NOTICED if name else UNDECIDED
            except Exception:  # noqa: BLE001 - it is told, and the hunt ends
                traceback.print_exc()
            finally:
                os.write(telling, name.encode())
                os._exit(code)
        os.close(telling)
        _, status = os.waitpid(pid, 0)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with open(told, "rb") as text:  # noqa: PTH123 - it is a file descriptor
            name = text.read().decode()
        code = os.waitstatus_to_exitcode(status)
        if code == BROKEN:
            raise RuntimeError(order["module"])
        if code == UNDECIDED:
            return None
        return name or "it took too long, or ended its process"


def _try(items: dict[str, pytest.Item], order: dict[str, Any], noticed: Counter[str]) -> str:
    """Return the test that notices the change, or an empty text; so too where it cannot be made here.

    Of the tests those come first that noticed most so far.
    """
    try:
        swap(order["module"], order["scope"], order["text"])
    except (LookupError, AttributeError, ValueError, StopIteration):
        return ""
    slow, without = tuple(order["slow"]), tuple(order["without"])

    def chosen(places: list[str]) -> list[str]:
        found = (name for place in places for name in items if name.startswith(place))
        return sorted(found, key=lambda name: (name.startswith(slow), -noticed[name]))

    covering = chosen(order["tests"])
    beside = (name for name in chosen(order["beside"]) if not name.startswith(without))
    return (
        _failed(items, covering)
        or ("" if _simulates(order["seeds"]) else THE_SIMULATION)
        or _failed(items, [name for name in beside if name not in set(covering)])
    )


def _failed(items: dict[str, pytest.Item], names: list[str]) -> str:
    """Return the first of these tests that fails, or an empty text."""
    tests = [items[name] for name in dict.fromkeys(names)]
    for item, following in zip(tests, [*tests[1:], None], strict=False):
        signal.alarm(LIMIT_SECONDS)
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return item.nodeid
    return ""


def _simulates(seeds: int) -> bool:
    from tests.system.simulation.simulate import simulate  # noqa: PLC0415 - of the copy

    logging.disable(logging.CRITICAL)
    try:
        for seed in range(seeds):
            signal.alarm(LIMIT_SECONDS)
            simulate(seed)
    except BaseException:  # noqa: BLE001 - any error is a finding
        return False
    finally:
        logging.disable(logging.NOTSET)
    return True


def swap(module: str, scope: str, text: str) -> None:
    """Give the outermost function of a scope the code that it has in another text of its module."""
    place: Any = importlib.import_module(module)
    names: list[str] = []
    for part in scope.split("."):
        names.append(part)
        place = _plain(vars(place)[part])
        if isinstance(place, types.FunctionType):
            break
    code = compile(text, place.__code__.co_filename, "exec", dont_inherit=True)
    place.__code__ = _find(code, ".".join(names))


def _plain(found: Any) -> Any:
    """Return the function in a property, a class method or a decorated function."""
    while not isinstance(found, types.FunctionType | type):
        match found:
            case property():
                found = found.fget
            case functools.cached_property():
                found = found.func
            case _:
                found = (
                    getattr(found, "wrapped", None)
                    or getattr(found, "__func__", None)
                    or found.__wrapped__
                )
    return getattr(found, "__wrapped__", found)


def _find(code: types.CodeType, name: str) -> types.CodeType:
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    for one in inner:
        if one.co_qualname == name:
            return one
    return next(_find(one, name) for one in inner if name.startswith(f"{one.co_qualname}."))


def serve(tests: list[str], orders: int, answers: int) -> int:
    """Import tests and serve orders; called in the copy of the tree."""
    with open(orders) as ordered, open(answers, "w") as answered:
        arguments = ["-q", "-p", "no:cacheprovider", *tests]
        return pytest.main(arguments, plugins=[Server(ordered, answered)])


if __name__ == "__main__":
    sys.exit(serve(sys.argv[3:], int(sys.argv[1]), int(sys.argv[2])))
