"""Runs the function as OCI Functions does: the real fdk, one call at a time per container."""

import fcntl
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Self
from uuid import uuid4

from functions.ports import Clock

START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 2
SYNC_TIMEOUT_SECONDS = 300
DETACHED_TIMEOUT_SECONDS = 3600
POLL_SECONDS = 0.005

# This interpreter and its packages, with the start of the image.
RUNTIME = (sys.executable, str(Path(__file__).parents[1] / "image" / "start.py"))


class Reply(NamedTuple):
    """What the fdk answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Lifeline:
    """Ends a process when this one does, however that ends: its stdin signals it at end of file.

    The kernel sends SIGIO, which ends a process that does not expect it; this needs no code there.
    """

    def __init__(self) -> None:
        self.theirs, ours = os.pipe()
        self._ours = os.fdopen(ours, "wb")

    def tie(self, pid: int) -> None:
        """Have the kernel signal this process."""
        fcntl.fcntl(self.theirs, fcntl.F_SETOWN, pid)
        fcntl.fcntl(self.theirs, fcntl.F_SETFL, os.O_ASYNC)
        os.close(self.theirs)

    def cut(self) -> None:
        """Close it when the process has ended."""
        self._ours.close()


class Container:
    """One process of the function."""

    def __init__(
        self,
        function: Path,
        env: Mapping[str, str],
        log: Callable[[str], None],
        runtime: Sequence[str],
    ) -> None:
        self._log = log
        # A short path: a socket's name may have 107 bytes at most.
        self._directory = Path(tempfile.mkdtemp(prefix="fn-"))
        self._socket = self._directory / "lsnr.sock"
        self._lifeline = Lifeline()
        self._process = subprocess.Popen(
            [*runtime, str(function), "handler"],
            env={**env, "FN_FORMAT": "http-stream", "FN_LISTENER": f"unix:{self._socket}"},
            cwd=self._directory,
            stdin=self._lifeline.theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the stack, which ends its containers itself
        )
        self._lifeline.tie(self._process.pid)
        self._reader = threading.Thread(target=self._copy_log, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process.poll() is None

    def started(self, clock: Clock) -> bool:
        """Wait until the socket listens; False where the process ended or hangs instead."""
        give_up = clock.monotonic() + START_TIMEOUT_SECONDS
        while self.alive and clock.monotonic() < give_up:
            if self._socket.exists():
                return True
            clock.sleep(POLL_SECONDS)
        return False

    def call(self, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Reply:
        """Send one call; 502 where the process dies under it, 504 where it overruns its time."""
        with closing(_UnixConnection(str(self._socket), timeout_seconds)) as connection:
            try:
                connection.request("POST", "/call", body, dict(headers))
                response = connection.getresponse()
                answer = response.read()
            except TimeoutError:
                self.stop(kill=True)
                return Reply(504, {}, b'{"code":"FunctionInvokeExecutionTimeout"}')
            except (OSError, http.client.HTTPException):
                self.stop(kill=True)
                return Reply(502, {}, b'{"code":"FunctionInvokeContainerDied"}')
        return Reply(
            response.status, {name.lower(): value for name, value in response.getheaders()}, answer
        )

    def stop(self, *, kill: bool = False) -> None:
        """End the process, at once with `kill`, and remove what it left."""
        (self._process.kill if kill else self._process.terminate)()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:  # a handler at work keeps the fdk from seeing the signal
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._lifeline.cut()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _copy_log(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._log(line.rstrip("\n"))


class Host:
    """A pool of containers, started on demand and kept warm; a call waits where all are busy.

    `runtime` is the command that serves a function; the function's path and "handler" follow it.
    """

    def __init__(
        self,
        function: Path,
        env: Mapping[str, str],
        *,
        clock: Clock,
        log: Callable[[str], None],
        containers: int = 8,
        timeout_seconds: float = SYNC_TIMEOUT_SECONDS,
        runtime: Sequence[str] = RUNTIME,
    ) -> None:
        self._function = function
        self._runtime = runtime
        self._env = env
        self._clock = clock
        self._log = log
        self._timeout_seconds = timeout_seconds
        self._slots = threading.BoundedSemaphore(containers)
        self._lock = threading.Lock()
        self._idle: list[Container] = []
        self._busy: set[Container] = set()
        self._stopped = False

    def call(
        self, body: bytes, headers: Mapping[str, str] | None = None, *, detached: bool = False
    ) -> Reply:
        """Invoke the function and wait for its answer, as long as its time limit allows."""
        timeout_seconds = DETACHED_TIMEOUT_SECONDS if detached else self._timeout_seconds
        with self._slots:
            if self._stopped:
                return Reply(503, {}, b'{"code":"FunctionInvokeServiceUnavailable"}')
            container = self._borrow()
            if not container.started(self._clock):
                container.stop(kill=True)
            deadline = self._clock.now() + timedelta(seconds=timeout_seconds)
            fn_headers = {
                "Fn-Call-Id": uuid4().hex,
                "Fn-Deadline": deadline.isoformat().replace("+00:00", "Z"),
            }
            try:
                return container.call(body, {**fn_headers, **(headers or {})}, timeout_seconds)
            finally:
                self._give_back(container)

    def kill(self) -> None:
        """Kill all containers, as a crash of the machine does; calls under way answer 502."""
        self._end(kill=True)

    def stop(self) -> None:
        """End all containers; later calls answer 503."""
        self._stopped = True
        self._end(kill=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _borrow(self) -> Container:
        with self._lock:
            self._idle = [container for container in self._idle if container.alive]
            container = self._idle.pop() if self._idle else self._new()
            self._busy.add(container)
            return container

    def _new(self) -> Container:
        return Container(self._function, self._env, self._log, self._runtime)

    def _give_back(self, container: Container) -> None:
        with self._lock:
            self._busy.discard(container)
            if container.alive:
                self._idle.append(container)

    def _end(self, *, kill: bool) -> None:
        with self._lock:
            containers = [*self._idle, *self._busy]
            self._idle.clear()
        for container in containers:
            container.stop(kill=kill)
