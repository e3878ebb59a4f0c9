"""The way of somebody new: what `make run` prints, pasted into a shell."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from infra.local import demo
from infra.local.stack import ROOT

LONGEST_SECONDS = 120


def test_what_make_run_says_can_be_pasted():
    """The lines that `make run` prints for the client lead to the plan of the very sync that it shows."""
    words = [sys.executable, "-m", "infra.local"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stack:
        limit = threading.Timer(LONGEST_SECONDS, stack.kill)
        limit.start()
        try:
            printed = []
            while not (printed and "Ctrl-C" in printed[-1]):
                printed.append(stack.stdout.readline())
                assert printed[-1], "".join(printed)
            lines = [line.strip() for line in printed]
            pasted = [
                line for line in lines if line.startswith(("export ", "cli/vaultsync.py plan"))
            ]
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["/bin/sh", "-ec", "\n".join(pasted)],
                cwd=ROOT,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=True,
                timeout=LONGEST_SECONDS,
            )
        finally:
            stack.send_signal(signal.SIGINT)
            stack.wait(LONGEST_SECONDS)
            limit.cancel()
    assert len(pasted) == 2
    assert done.stdout.startswith(f"{demo.SYNC_NAME}: ")
    assert "The vault is as the source wants it." in done.stdout
