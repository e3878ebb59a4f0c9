"""Containers in a few milliseconds, forked from a process that has imported everything already."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[3]


class Forked:
    """What a host uses of subprocess.Popen, for a process that is no child of this one."""

    def __init__(self, pid: int, log: int) -> None:
        self.stdout = os.fdopen(log, errors="replace")
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while it lives: whoever reads the log closes it at its end."""
        return 0 if self.stdout.closed else None

    def kill(self) -> None:
        """Kill it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    terminate = kill

    def wait(self, _timeout_seconds: float | None = None) -> None:
        """Leave it to the reader of the log to wait."""


class ForkServer:
    """Starts the process to fork from, and forks."""

    def __enter__(self):
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "tests.system.crash.fork_server", str(number)]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[number])
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._process.wait()

    @property
    def subprocess(self) -> SimpleNamespace:
        """Return what to put in the place of the module `subprocess`."""
        return SimpleNamespace(**{**vars(subprocess), "Popen": self._fork})

    def _fork(self, command: Sequence[str], env: Mapping[str, str], stdin: int, **_: Any) -> Forked:
        """Start the fdk with the arguments of `command`, which begin behind `python start.py`."""
        log, log_end = os.pipe()
        order = json.dumps({"arguments": command[2:], "env": dict(env)}).encode()
        socket.send_fds(self._socket, [order], [log_end, stdin])
        os.close(log_end)
        return Forked(int(self._socket.recv(16)), log)
