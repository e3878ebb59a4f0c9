"""What `make run` invites to."""

import io
import re
import subprocess
import time

import pytest
from rich.console import Console

from functions.calls.clock import SystemClock
from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local import demo
from infra.local.run import show_fault
from infra.local.stack import ROOT, Stack
from infra.local.steps import show_what_to_try

PATIENCE_SECONDS = 10


@pytest.fixture(scope="module")
def shown():
    """What the terminal was told while the stack ran."""
    return Console(file=io.StringIO(), width=1000)


@pytest.fixture(scope="module")
def stack(shown):
    """The demo after its first sync."""
    with Stack(
        SystemClock(),
        demo.make_source(),
        log=lambda line: show_fault(shown, line),
        tick_seconds=None,
    ) as stack:
        stack.infisical.webhooks.url = None  # one run at a time: those of the test
        demo.change_source(stack.infisical.source)
        stack.bucket.put(f"{CONFIGS}{demo.SYNC_FILE}", demo.sync_config())
        stack.command("sync", sync=demo.SYNC_NAME)
        yield stack


def paste(*commands):
    """Run commands in a shell, as a person does."""
    script = "\n".join(commands)
    done = subprocess.run(
        ["bash", "-ec", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def is_soon(holds):
    """Say whether something comes true within seconds: the log follows the answer."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.02)
    return holds()


def test_the_next_steps_can_be_pasted(stack, shown):
    """Each command that `make run` shows does what stands above it; a guard's stop is shown, too."""
    show_what_to_try(shown, stack)
    text = shown.file.getvalue()
    assert f"{stack.gateway.url}/console" in text
    commands = [line.strip() for line in text.splitlines() if re.match("    [a-zA-Z]+[ =(/]", line)]
    variables, calls = commands[:4], commands[4:]
    change, delete, plan, force, make, unmake, remove, end = calls
    paste(*variables, change)
    assert stack.infisical.source.folders["prod", "/api"].get("STRIPE_API_KEY").value == "rotated"
    paste(*variables, delete)
    stack.command("sync", sync=demo.SYNC_NAME)
    stopped = "payments-prod failed: Nothing was written: 6 of 11"
    assert is_soon(lambda: stopped in shown.file.getvalue())
    fingerprint = re.search(r"fingerprint (\w+)", paste(*variables, f"{plan} || true"))[1]
    paste(*variables, force.replace("<fingerprint of that plan>", fingerprint))
    assert "prod_SESSION_SECRET" not in stack.cloud.vault.live()
    paste(*variables, make)
    assert ("prod", "/mine") in stack.infisical.source.folders
    paste(*variables, unmake)
    assert ("prod", "/mine") not in stack.infisical.source.folders
    paste(*variables, remove)
    assert [name for name in stack.cloud.vault.live() if name.startswith("prod_")] == []
    paste(*variables, end)
    assert stack.bucket.get(f"{CONFIGS}{demo.SYNC_FILE}") is None
