"""`make run`: starts the stack, shows a sync as it happens, and stays up to be tried."""

import argparse
import json
import re
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli import vaultsync
from functions.calls.clock import SystemClock
from functions.plan.models import Action, State
from functions.plan.sync_config import PREFIX as CONFIGS
from functions.state.status import Phase, Status, parse_status
from infra.image.build import Tree
from infra.local import demo
from infra.local.oci.secret import Durations
from infra.local.oci.traffic import Call
from infra.local.stack import ROOT, Stack
from infra.local.steps import show_what_to_try

LOG_FILE = ROOT / ".local" / "function.log"
DURATIONS = Durations(creating=0.3, updating=0.3, scheduling=0.3, cancelling=0.3)  # seconds
TICK_SECONDS = 15.0
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.1
FAULTS = ("WARNING", "ERROR", "CRITICAL")
# A picture that asks no other server for a font.
PICTURE_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)

_ACTIONS = {
    "CreateSecret": Action.CREATE,
    "UpdateSecret": Action.UPDATE,
    "CancelSecretDeletion": Action.RESTORE,
    "ScheduleSecretDeletion": Action.DELETE,
}
_COLOURS = {"+": "green", "~": "yellow", "^": "cyan", "#": "blue", "-": "red", "!": "red"}


def main(arguments: Sequence[str]) -> int:
    """Run the stack; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the first sync")
    parser.add_argument("--s3", action="store_true", help="keep configs and status in S3 (moto)")
    parser.add_argument(
        "--image",
        type=Path,
        help="run the function from this directory, as infra/image/build.py made it",
    )
    parser.add_argument("--picture", type=Path, help="draw what the terminal shows (with --once)")
    options = parser.parse_args(arguments)
    image = options.image and Tree(options.image.resolve())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    LOG_FILE.parent.mkdir(exist_ok=True)
    with suppress(KeyboardInterrupt), LOG_FILE.open("w", buffering=1) as log:
        console = Console(highlight=False, record=options.picture is not None)
        code = _run(console, log, once=options.once, use_s3=options.s3, image=image)
        if options.picture:
            console.save_svg(
                str(options.picture),
                title="make run",
                code_format=PICTURE_FORMAT,
                unique_id="run",
            )
        return code
    return 0


def _run(console: Console, log: TextIO, *, once: bool, use_s3: bool, image: Tree | None) -> int:
    clock = SystemClock()
    started = clock.monotonic()

    def keep(line: str) -> None:
        print(line, file=log)
        show_fault(console, line)

    with Stack(
        clock,
        demo.make_source(),
        log=keep,
        durations=DURATIONS,
        use_s3=use_s3,
        tick_seconds=TICK_SECONDS,
        image=image,
    ) as stack:
        _show_stack(console, stack, clock.monotonic() - started)
        demo.fill_vault(stack.cloud.vault)
        stack.bucket.put(f"{CONFIGS}{demo.SYNC_FILE}", demo.sync_config())
        if not _show_plan(console, stack):
            return 1
        wrong = _show_sync(console, stack)
        if once:
            return 1 if wrong else 0
        show_what_to_try(console, stack)
        threading.Event().wait()
    return 0


def _show_stack(console: Console, stack: Stack, seconds: float) -> None:
    console.rule("[bold]oci-vault-sync on this machine")
    table = Table.grid(padding=(0, 2))
    table.add_row("secret manager", stack.source_url)
    table.add_row("API gateway", stack.gateway.url)
    table.add_row("OCI", stack.cloud.url)
    table.add_row("function's log", str(LOG_FILE.relative_to(ROOT)))
    console.print(table)
    console.print(f"Started in {seconds:.1f} s. Nothing leaves this machine.\n")


def _show_plan(console: Console, stack: Stack) -> bool:
    reply = stack.command("plan", sync=demo.SYNC_NAME)
    if reply.status != 200:
        console.print(f"[red]The plan failed:[/] {reply.body.decode()}")
        return False
    plan: dict[str, Any] = json.loads(reply.body)["plan"]
    console.print("[bold]The plan[/] of the stored sync, names only:")
    for line in vaultsync.changes_text(plan):
        console.print("  ", Text(line[:1], style=_COLOURS.get(line[0], "")), line[1:], sep="")
    console.print()
    return True


def _show_sync(console: Console, stack: Stack) -> list[str]:
    begin = stack.clock.monotonic()

    def show(call: Call) -> None:
        if call.operation in _ACTIONS:
            action = _ACTIONS[call.operation]
            seconds = call.at_monotonic - begin
            console.print(f"  {seconds:6.2f} s  {_glyph(action)} {call.name_or_id}")

    console.print(f"[bold]Somebody adds {demo.LATE_KEY}[/] to the folder; a webhook tells of it:")
    stack.cloud.after = show
    demo.change_source(stack.infisical.source)
    status = _wait(stack)
    seconds = stack.clock.monotonic() - begin
    outcome = status.sync.status or "not finished"
    console.print(f"  {seconds:6.2f} s  recorded: {outcome} {status.sync.message or ''}\n")
    _show_vault(console, stack)
    wrong = demo.differences(stack.cloud.vault)
    for line in wrong:
        console.print(f"  [red]wrong[/] {line}")
    if not wrong:
        console.print("The vault is right: every name and value is the folder's.\n")
    return wrong


def _wait(stack: Stack) -> Status:
    """Return the sync's status when its first run has ended, or patience has."""
    give_up = stack.clock.monotonic() + PATIENCE_SECONDS
    while True:
        stored = stack.bucket.get(f"status/{demo.SYNC_FILE}")
        status = (parse_status(stored) if stored else None) or Status()
        ended = status.sync.status in (Phase.SUCCEEDED, Phase.FAILED)
        if ended or stack.clock.monotonic() > give_up:
            return status
        stack.clock.sleep(POLL_SECONDS)


def _show_vault(console: Console, stack: Stack) -> None:
    table = Table("secret in the vault", "state")
    for name, state in sorted(stack.cloud.vault.states().items()):
        table.add_row(name, state.value, style=None if state == State.ACTIVE else "dim")
    console.print(table)


def show_fault(console: Console, line: str) -> None:
    """Show a line of the function's log that tells of a failure, or of a guard that stopped a sync."""
    try:
        row = json.loads(line)
    except ValueError:
        return  # what a runtime prints when it breaks down stands in the file
    if row["message"] == "run ended" and row["outcome"] == "failed":
        console.print(f"  [red]{row['sync']} failed:[/] {escape(row['reason'])}")
    elif row["level"] in FAULTS:
        console.print(f"  [yellow]{row['level'].lower()}:[/] {escape(row['message'])}")


def _glyph(action: Action) -> str:
    sign = vaultsync.GLYPHS[action.value]
    return f"[bold {_COLOURS[sign]}]{sign}[/]"
