"""A copy of the tree to be changed, and processes that test it, forked where all packages are imported."""

import importlib
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIMIT_SECONDS = 900
"""Whoever takes longer has been made to wait for ever: the change was noticed."""
PRELOADED = (
    "hypothesis",
    "pydantic",
    "oci.vault",
    "oci.object_storage",
    "greenlet",
    "boto3",
)
OWN_PACKAGES = {"functions", "infra", "tests", "benchmarks"}
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # the fork brings plugins along
CANNOT_BE_LOADED = re.compile("ERROR collecting|while loading conftest")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:::| |$)", re.MULTILINE)


class Tree:
    """The copy; one module at a time is changed in it."""

    def __init__(self, directory: Path) -> None:
        self.root = directory
        self._log = directory / "test.log"
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True
        )
        for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        for package in PRELOADED:
            importlib.import_module(package)

    @contextmanager
    def changed(self, name: str, text: str):
        """Have a file hold another text meanwhile."""
        file = self.root / name
        original = file.read_text()
        file.write_text(text)
        try:
            yield
        finally:
            file.write_text(original)

    def first_failure(self, *tests: str) -> str | None:
        """Return the file of the first test that fails, None where all pass."""
        arguments = ["-q", "-x", "-p", "no:cacheprovider", *QUIET, *tests]
        status = self._fork(lambda: pytest.main(arguments))
        if status == pytest.ExitCode.OK:
            return None
        told = self._log.read_text(errors="replace")
        if status == pytest.ExitCode.USAGE_ERROR and not CANNOT_BE_LOADED.search(told):
            raise RuntimeError(told)
        found = FAILED.search(told)
        return found[1] if found else "pytest itself"

    def runs(self, module: str, *arguments: str) -> bool:
        """Say whether a module runs to a good end."""

        def run() -> None:
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__")

        return self._fork(run) == 0

    def _fork(self, work: Callable[[], object]) -> int:
        """Do work in a process of its own, in the copy; return its status, below 0 where it was ended."""
        pid = os.fork()
        if not pid:
            self._work(work)
        _, status = os.waitpid(pid, 0)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(status)

    def _work(self, work: Callable[[], object]) -> None:
        os.setsid()
        signal.alarm(LIMIT_SECONDS)
        with self._log.open("w") as log:
            for number in (1, 2):
                os.dup2(log.fileno(), number)
        os.chdir(self.root)
        sys.dont_write_bytecode = True
        sys.path[:] = [str(self.root), *(p for p in sys.path if p not in ("", str(ROOT)))]
        for name in [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES]:
            del sys.modules[name]
        status = 1
        try:
            status = int(work() or 0)
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(status)
