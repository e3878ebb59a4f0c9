"""`python -m tests.system.crash.fork_server FD`: has imported everything, and forks containers to order.

What it forks runs the real fdk, as a container does; only its clock is set by the file that `CLOCK_FILE`
names. An order is a JSON object and file descriptors for the log and for stdin.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from fdk.scripts import fdk

from functions import app
from functions.calls.clock import SystemClock

MAX_ORDER_BYTES = 65_536
LONGEST_SLEEP_SECONDS = 0.01
"""The simulators need no time for anything, so whoever waits for them need not wait long."""


def _main(orders: socket.socket) -> None:
    assert app  # imported for its weight only
    logging.disable()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends needs no funeral
    while True:
        order, files, *_ = socket.recv_fds(orders, MAX_ORDER_BYTES, 2)
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            orders.close()
            _become_container(json.loads(order), *files)
        for file in files:
            os.close(file)
        orders.send(str(pid).encode())


def _become_container(order: dict[str, Any], log: int, stdin: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    logging.disable(logging.NOTSET)
    os.setsid()
    os.dup2(stdin, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(stdin)
    os.environ.clear()
    os.environ.update(order["env"])
    _set_clock(Path(order["env"]["CLOCK_FILE"]))
    sys.argv = ["fdk", *order["arguments"]]
    asyncio.set_event_loop(asyncio.new_event_loop())
    fdk.main()
    sys.exit()


def _set_clock(file: Path) -> None:
    real = SystemClock.now

    def now(clock: SystemClock):
        return real(clock) + timedelta(seconds=int(file.read_text()))

    def sleep(_clock: SystemClock, seconds: float):
        time.sleep(min(seconds, LONGEST_SLEEP_SECONDS))

    SystemClock.now = now
    SystemClock.sleep = sleep


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])))
