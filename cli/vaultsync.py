#!/usr/bin/env python3
"""vaultsync: look at, plan, run and configure the syncs of oci-vault-sync from a terminal.

One file, standard library only, Python 3.9 or newer. It reaches the function in one of two ways:
VAULTSYNC_URL with VAULTSYNC_TOKEN (or VAULTSYNC_TOKEN_FILE) is the management API;
VAULTSYNC_FUNCTION=ocid1.fnfunc... runs `oci fn function invoke`: IAM signs, no token is kept.

Exit codes: 0 done, 1 failed, 2 there are changes (with --detailed-exitcode), 3 a guard holds it,
4 still at it, 64 wrong usage. Of several syncs the worst counts: 1, 3, 4, 2, 0.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn
from urllib import error, parse, request
from uuid import NAMESPACE_URL, uuid5

VERSION = "0.1.0"

OK, FAILED, CHANGES, GUARD, WAITING, USAGE = 0, 1, 2, 3, 4, 64
WORST_FIRST = (FAILED, GUARD, WAITING, CHANGES, OK)

SYNCS = "/api/v1/secret-syncs/oci-vault"
CALL_TIMEOUT_SECONDS = 330  # a call of the function may take 300 s
PAUSES_SECONDS = (2, 3, 5, 8, 13)  # between looks at a job; the last one repeats
MAX_COMMENT_CHARACTERS = 60_000  # GitHub takes 65,536
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ENDED = ("succeeded", "failed")
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

GLYPHS = {"delete": "-", "restore": "^", "update": "~", "create": "+", "tag": "#"}
COLOURS = {"+": 32, "~": 33, "^": 36, "#": 34, "-": 31, "!": 31}

DEFAULTS = {"description": None, "connectionId": None, "isAutoSyncEnabled": True}
OPTION_DEFAULTS = {
    **dict.fromkeys(("keySchema", "deletionGuard", "tags", "filter")),
    **dict.fromkeys(("disableSecretDeletion", "includeAllSubFolders"), False),
    "deletionDays": 7,
    "blockingScope": "vault",
}
"""What the function takes a field of a config for that is left out."""
OWN_CONNECTION_ID = str(uuid5(NAMESPACE_URL, "oci-vault-sync/connections/function"))  # of none

Json = Any
Words = argparse.Namespace


class Failure(Exception):
    """What ends the command: a sentence, and the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


# Two ways to the function


class Function:
    """The function, whichever way it is reached: `call` returns status and JSON of one request."""

    call: Callable[..., Json]

    def ask(self, method: str, path: str, query: Json = None, body: Json = None) -> Json:
        """Return the answer. Raises Failure with the function's own sentence."""
        status, answer = self.call(method, path, query, body)
        if status < 300:  # noqa: PLR2004 - HTTP's
            return answer
        message = answer.get("message") if isinstance(answer, dict) else None
        if isinstance(message, list):  # fields that break a rule
            message = "; ".join(f"{'.'.join(map(str, m['path']))}: {m['message']}" for m in message)
        request_id = f" (request {answer['reqId']})" if message and answer.get("reqId") else ""
        raise Failure(f"{message or f'The function answered {status}.'}{request_id}")

    def syncs(self, project: str | None) -> Json:
        """Return the syncs of a project or of all, and the broken configs."""
        return self.ask("GET", SYNCS, {"projectId": project} if project else None)

    def find(self, name: str, project: str | None) -> Json:
        """Return a sync by its name or id."""
        if re.fullmatch(UUID, name):
            return self.sync(name)
        answer = self.syncs(project)
        rows = [row for row in answer["secretSyncs"] if row["name"] == name]
        if len(rows) > 1:
            projects = ", ".join(sorted(row["projectId"] for row in rows))
            raise Failure(f"Several projects have {name}; say which by -p: {projects}", USAGE)
        if rows:
            return rows[0]
        broken = [b for b in answer["broken"] if b["objectName"].endswith(f"/{name}.json")]
        raise Failure(broken[0]["message"] if broken else f"There is no sync {name}.")

    def sync(self, sync_id: str) -> Json:
        """Return a sync as it is now."""
        return self.ask("GET", f"{SYNCS}/{sync_id}")["secretSync"]

    def runs(self, row: Json) -> Json:
        """Return the last runs of a sync, the newest first."""
        return self.ask("GET", f"{SYNCS}/{row['id']}/runs")["runs"]


class Gateway(Function):
    """The management API behind API Gateway."""

    def __init__(self, url: str, token: str) -> None:
        self._base = re.sub(r"(/api/v1)?/*$", "", url)
        place = parse.urlsplit(self._base)
        if place.scheme != "https" and (place.scheme != "http" or place.hostname not in LOOPBACK):
            raise Failure("VAULTSYNC_URL must begin with https: the token goes there.", USAGE)
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": f"vaultsync/{VERSION}"}
        self._opener = request.build_opener(_NoRedirects)

    def call(self, method: str, path: str, query: Json = None, body: Json = None) -> Json:
        """Send a request; the token goes to this host only."""
        url = self._base + path + (f"?{parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if data else {})
        sent = request.Request(url, data, headers, method=method)  # noqa: S310 - see __init__
        try:
            with self._opener.open(sent, timeout=CALL_TIMEOUT_SECONDS) as answer:
                return answer.status, _parsed(answer.read())
        except error.HTTPError as refused:
            with refused:
                return refused.code, _parsed(refused.read())
        except OSError as reason:  # URLError is one
            raise Failure(f"{self._base} cannot be reached: {reason}") from None


class _NoRedirects(request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the token would go along to another host."""


class Invocation(Function):
    """The function itself, invoked by the oci command line: IAM knows who it is."""

    def __init__(self, function_ocid: str) -> None:
        oci = shutil.which("oci")
        if oci is None:
            raise Failure("VAULTSYNC_FUNCTION needs `oci`, which is not on the PATH.", USAGE)
        # One sync must not be started twice, so there are no retries.
        limits = ("--no-retry", "--read-timeout", str(CALL_TIMEOUT_SECONDS))
        invoke = ("fn", "function", "invoke", "--function-id", function_ocid, "--file", "-")
        self._command = (oci, *limits, *invoke, "--body")

    def call(self, method: str, path: str, query: Json = None, body: Json = None) -> Json:
        """Invoke the function with a request of the management API."""
        asked: Json = {"command": "api", "method": method, "path": path}
        asked |= {"query": query or {}, "body": body}
        command = (*self._command, json.dumps(asked))
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        answer = _parsed(done.stdout.encode())
        if done.returncode == 0 and isinstance(answer, dict) and "status" in answer:
            return answer["status"], answer["body"]
        reason = done.stderr.strip() or done.stdout.strip()
        raise Failure(f"oci fn function invoke failed: {reason[-2000:]}")


def _parsed(text: bytes) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return None


def connect(environment: Mapping[str, str]) -> Function:
    """Return the function that the environment names."""
    given = {name[10:]: text for name, text in environment.items() if name[:10] == "VAULTSYNC_"}
    if ("URL" in given) == ("FUNCTION" in given):
        raise Failure("Set either VAULTSYNC_URL and VAULTSYNC_TOKEN or VAULTSYNC_FUNCTION.", USAGE)
    if "FUNCTION" in given:
        return Invocation(given["FUNCTION"])
    token, file = given.get("TOKEN", ""), given.get("TOKEN_FILE", "")
    if file and not token:
        try:
            if Path(file).stat().st_mode & 0o077:
                raise Failure(f"Others may read {file}: chmod 600 {file}", USAGE)
            token = Path(file).read_text(encoding="utf-8")
        except OSError as reason:
            raise Failure(f"VAULTSYNC_TOKEN_FILE: {reason}", USAGE) from None
    if not token and sys.stdin.isatty():
        token = getpass.getpass("API token: ")
    if not token.strip():
        raise Failure("Set VAULTSYNC_TOKEN or VAULTSYNC_TOKEN_FILE to an API token.", USAGE)
    return Gateway(given["URL"], token.strip())


# Text: what comes from elsewhere is one line, without control characters of the terminal


def plain(text: object) -> str:
    """Return a text that can do nothing to a terminal."""
    return "".join(one if one.isprintable() else " " for one in str(text))


def say(*lines: str) -> None:
    """Write lines of the result."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def note(text: object) -> None:
    """Write a line that is not the result."""
    sys.stderr.write(f"{plain(text)}\n")


def item(action: str, text: object, why: object = "") -> str:
    """Return a line with the sign of an action, in its colour on a terminal."""
    sign = GLYPHS.get(action, "!")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        sign = f"\033[{COLOURS[sign]}m{sign}\033[0m"
    return f"{sign} {plain(text)}" + (f": {plain(why)}" if why else "")


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def ago(moment: str | None) -> str:
    """Return how long ago something was."""
    if not moment:
        return "never"
    then = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return f"{str(datetime.now(timezone.utc) - then).partition('.')[0]} ago"


def counted(things: Sequence[Any], noun: str) -> str:
    """Return how many things there are, with their noun."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def counts_text(counts: Mapping[str, int]) -> str:
    """Return how many changes of each kind there are."""
    signs = {**GLYPHS, "imported": "", "unchanged": "", "unknown": "", "errors": ""}
    parts = [f"{sign}{counts[name]} {name}" for name, sign in signs.items() if counts.get(name)]
    return ", ".join(parts) or "nothing to do"


def changes_text(plan: Json) -> Iterator[str]:
    """Yield a plan's changes, deletions first, and what holds or surprises."""
    order = list(GLYPHS)
    for one in sorted(plan["changes"], key=lambda c: (order.index(c["action"]), c["name"])):
        not_ours = "  not written by this sync" if one.get("owner") == "nobody" else ""
        held = f"  held: {plain(one['held'])}" if one.get("held") else ""
        yield item(one["action"], one["name"]) + not_ours + held
    yield from (item("error", *pair) for pair in plan["errors"].items())
    for field, word in (("blocked", "waits"), ("warnings", "note"), ("stops", "stopped")):
        yield from (f"{word}: {plain(text)}" for text in plan.get(field, []))


def run_text(run: Json) -> Iterator[str]:
    """Yield what a run did: names and reasons."""
    changed = run["changed"].items()
    lines = [item(action, name) for action, names in changed for name in names]
    lines += [f"drift: {plain(name)}" for name in run["drift"]]
    lines += [item("error", *pair) for pair in run["errors"].items()]
    yield from (f"    {line}" for line in [*lines, *filter(None, [plain(run["message"] or "")])])


def plans_text(plans: Sequence[tuple[str, Json]]) -> Iterator[str]:
    """Yield plans for a terminal."""
    for name, answer in plans:
        plan = answer["plan"]
        yield f"{name}: {counts_text(plan['counts'])}  (fingerprint {plan['fingerprint']})"
        yield from (f"  {line}" for line in changes_text(plan))
        if not plan["changes"] and not plan["errors"]:
            yield "  The vault is as the source wants it. Nothing would be done."


def plans_markdown(plans: Sequence[tuple[str, Json]]) -> Iterator[str]:
    """Yield plans as a comment for a pull request, as long as one may be."""
    left = MAX_COMMENT_CHARACTERS
    for name, answer in plans:
        yield f"### {name}: {counts_text(answer['plan']['counts'])}\n\n```diff"
        for line in changes_text(answer["plan"]):
            left -= len(line) + 1
            if left < 0:
                yield "... and more"
                break
            yield line.replace("`", "'")
        yield f"```\n\nfingerprint `{answer['plan']['fingerprint']}`\n"


# What a sync's row or plan says


def stops_of(row: Json) -> list[str]:
    """Return the guards that held the last run."""
    return (row.get("lastRun") or {}).get("stops") or []


def state_of(row: Json) -> str:
    """Return the status of a sync in a few words."""
    state = row["syncStatus"] or "never synced"
    state = "secrets removed" if row.get("isHeldAfterRemoval") else state
    state = "held by a guard" if stops_of(row) else state
    return state if row["isAutoSyncEnabled"] else f"{state}, auto-sync off"


def code_of(row: Json) -> int:
    """Return the exit code that a sync's status stands for."""
    return GUARD if stops_of(row) else FAILED if row["syncStatus"] == "failed" else OK


def code_of_plan(plan: Json, words: Words) -> int:
    """Return the exit code of a plan; mending a tag of its own is no change."""
    if plan["errors"] or plan.get("stops"):
        return FAILED if plan["errors"] else GUARD
    has_changes = any(one["action"] != "tag" or one.get("held") for one in plan["changes"])
    return CHANGES if words.detailed_exitcode and has_changes else OK


def worst(codes: Iterable[int]) -> int:
    """Return the code that counts of several."""
    return min((OK, *codes), key=WORST_FIRST.index)


# Configs in files: what is stored becomes what the files say


def read_configs(places: Sequence[str] | None) -> list[Json]:
    """Return the configs of files, and of the .json files below folders, with every field."""
    found = []
    for place in map(Path, places or ()):
        for file in sorted(place.rglob("*.json")) if place.is_dir() else [place]:
            try:
                config = json.loads(file.read_text(encoding="utf-8-sig"))
            except (OSError, ValueError) as reason:
                raise Failure(f"{file}: {reason}", USAGE) from None
            if not isinstance(config, dict) or not {"name", "projectId"} <= config.keys():
                raise Failure(f"{file} is no sync: it has no name and projectId.", USAGE)
            found.append(whole(config))
    return found


def whole(config: Json) -> Json:
    """Return a config with every field: what is left out has its default."""
    body = {**DEFAULTS, **config}
    body["isAutoSyncEnabled"] = body.pop("isEnabled", body["isAutoSyncEnabled"])  # one switch
    return body | {"syncOptions": {**OPTION_DEFAULTS, **(body.get("syncOptions") or {})}}


def stored(row: Json) -> Json:
    """Return the config of a sync, with every field."""
    names = {*DEFAULTS, "name", "projectId", "syncOptions", "destinationConfig"}
    config = {name: value for name, value in row.items() if name in names}
    config |= {"environment": row["environment"]["slug"], "secretPath": row["folder"]["path"]}
    is_own = row["connectionId"] == OWN_CONNECTION_ID
    return whole(config | ({"connectionId": None} if is_own else {}))


def place_of(config: Json) -> str:
    """Return what a sync is about, whatever its name: folder, destination, key schema."""
    names = ("projectId", "environment", "secretPath", "destinationConfig")
    parts = [*map(config.get, names), config["syncOptions"]["keySchema"]]
    return json.dumps(parts, sort_keys=True)


def differences(old: Json, new: Json, at: str = "") -> Iterator[str]:
    """Yield the fields that differ, with both values."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from differences(before, after, f"{at}{name}.")
        elif before != after:
            yield f"    {at}{name}: {plain(json.dumps(before))} -> {plain(json.dumps(after))}"


class Commands:
    """What the command line can do: each returns the exit code; its first line is its help."""

    def __init__(self, function: Function, words: Words) -> None:
        self._function = function
        self._words = words

    def list(self) -> int:
        """Show the syncs."""
        words, answer = self._words, self._function.syncs(self._words.project)
        rows = [row for row in answer["secretSyncs"] if not words.failing or code_of(row) != OK]
        lines = [["NAME", "STATUS", "SOURCE", "LAST SUCCESS", "MESSAGE"]]
        for row in sorted(rows, key=lambda one: (one["projectId"], one["name"])):
            source = plain(f"{row['environment']['slug']}:{row['folder']['path']}")
            message = plain(row["lastSyncMessage"] or "")[:120]
            lines.append([row["name"], state_of(row), source, ago(row["lastSyncedAt"]), message])
        broken = [f"broken: {plain(one['message'])}" for one in answer["broken"]]
        as_json = json.dumps(answer | {"secretSyncs": rows}, indent=2)
        shown = [*(table(lines) if rows else ["No syncs."]), *broken]
        say(*([as_json] if words.json else shown))
        return worst([*map(code_of, rows), *(FAILED for _ in broken)]) if words.failing else OK

    def status(self) -> int:
        """Show one sync."""
        row = self._row()
        lines = {
            "name": row["name"],
            "id": row["id"],
            "status": state_of(row),
            "source": f"{row['projectId']} {row['environment']['slug']}:{row['folder']['path']}",
            "vault": row["destinationConfig"]["vaultOcid"],
            "compartment": row["destinationConfig"]["compartmentOcid"],
            "key schema": row["syncOptions"].get("keySchema") or "none: the whole vault",
            "last success": ago(row["lastSyncedAt"]),
            "next try": row.get("retryAt"),
            "sync": row["lastSyncMessage"],
            "import": row["lastImportMessage"],
            "removal": row["lastRemoveMessage"],
            "stopped": "; ".join(stops_of(row)),
        }
        shown = table([(name, plain(value)) for name, value in lines.items() if value])
        say(*([json.dumps({"secretSync": row}, indent=2)] if self._words.json else shown))
        return code_of(row)

    def history(self) -> int:
        """Show the last runs, with the names that they changed."""
        row = self._row()
        runs = self._function.runs(row)
        lines = [] if runs else ["No runs."]
        for run in runs:
            at, by = run["startedAt"][:19].replace("T", " "), run.get("by")
            cause = f"{run['cause']} by {plain(by)}" if by else run["cause"]
            did = f"{run['outcome']}  {counts_text(run['counts'])}  {run['seconds']:.1f} s"
            lines += [f"{at}  {run['id']}  {run['kind']}  {cause}  {did}", *run_text(run)]
        say(*([json.dumps({"runs": runs}, indent=2)] if self._words.json else lines))
        return code_of(row)

    def plan(self) -> int:
        """Show what a sync would do; nothing is written."""
        words, function = self._words, self._function
        rows = function.syncs(words.project)["secretSyncs"] if words.all else []
        rows += [function.find(name, words.project) for name in words.names]
        asked = [(row["name"], f"{SYNCS}/{row['id']}/plan", None) for row in rows]
        asked += [(one["name"], f"{SYNCS}/plan", one) for one in read_configs(words.file)]
        if not asked:
            raise Failure("Say which sync, or --all, or -f FILE.", USAGE)
        plans, codes = [], []
        for name, path, body in asked:
            try:
                plans.append((name, function.ask("POST", path, None, body)))
                codes.append(code_of_plan(plans[-1][1]["plan"], words))
            except Failure as reason:
                note(f"{name}: {reason}")
                codes.append(FAILED)
        several = [{"sync": name, **answer} for name, answer in plans]
        as_json = json.dumps(plans[0][1] if len(plans) == 1 else several, indent=2)
        forms = {"text": plans_text(plans), "markdown": plans_markdown(plans), "json": [as_json]}
        say(*forms[words.output])
        return worst(codes)

    def sync(self) -> int:
        """Sync now, and wait for it."""
        return self._act({"force": self._words.force} if self._words.force else None)

    def import_(self) -> int:
        """Bring the vault's secrets into the source."""
        self._confirm(f"Write the vault's secrets into the source folder of {self._words.name}?")
        return self._act({"importBehavior": f"prioritize-{self._words.prioritize}"})

    def remove(self) -> int:
        """Schedule the deletion of what a sync wrote."""
        self._confirm(f"Schedule the deletion of every secret that {self._words.name} wrote?")
        return self._act(None)

    def enable(self) -> int:
        """Switch the auto-sync on."""
        self._confirm(f"Switch the auto-sync of {self._words.name} on? It syncs at once.")
        return self._follow(self._patch({"isAutoSyncEnabled": True}), edited=True)

    def disable(self) -> int:
        """Switch the auto-sync off."""
        self._patch({"isAutoSyncEnabled": False})
        say(f"{self._words.name}: auto-sync is off. It syncs only when it is asked to.")
        return OK

    def pause(self) -> int:
        """Stop all syncs at once."""
        answer = self._function.ask("POST", f"/api/v1/{self._words.command}")
        say("All syncs are paused." if answer["isPaused"] else "All syncs go on.")
        return OK

    def resume(self) -> int:
        """End the stop of all syncs."""
        self._confirm("Resume all syncs? Each with auto-sync is verified.")
        return self.pause()

    def undo(self) -> int:
        """Bring back what a run deleted."""
        row, begin = self._row(), self._words.run
        runs = [run for run in self._function.runs(row) if run["id"].startswith(begin)]
        names = runs[0]["changed"].get("delete") if len(runs) == 1 else None
        if not names:
            raise Failure(f"No run {begin} of {row['name']} is known that deleted something.")
        say(*(item("restore", name) for name in names))
        self._confirm(f"Switch the auto-sync off and cancel {counted(names, 'deletion')}?")
        return self._follow(
            self._function.ask("POST", f"{SYNCS}/{row['id']}/runs/{runs[0]['id']}/undo")
        )

    def cleanup(self) -> int:
        """Schedule the deletion of what an edit left behind."""
        path = f"{SYNCS}/{self._row()['id']}"
        found = self._function.ask("GET", f"{path}/left-behind")
        say(*(f"note: {plain(warning)}" for warning in found["warnings"]))
        say(*(item("delete", one["name"]) for one in found["leftBehind"]))
        if not found["leftBehind"]:
            say("Nothing is left behind.")
            return OK
        self._confirm(f"Schedule the deletion of {counted(found['leftBehind'], 'secret')}?")
        return self._follow(self._function.ask("POST", f"{path}/cleanup"))

    def check(self) -> int:
        """Look at all that a sync needs."""
        asked: list[tuple[Any, ...]] = [("who asks", "GET", "/api/v1/session")]
        for config in read_configs(self._words.file):
            name, query = config["name"], {"environment": config.get("environment")}
            folders = f"/api/v1/projects/{parse.quote(config['projectId'], safe='')}/folders"
            query["path"] = config.get("secretPath")
            asked += [(f"{name}: folder", "GET", folders, query)]
            asked += [(f"{name}: destination", "POST", f"{SYNCS}/plan", None, config)]
        named = [self._function.find(name, self._words.project) for name in self._words.names]
        found: list[tuple[str, object]] = []
        for row in named or [None]:
            about = {"syncId": row["id"]} if row else None
            rows = self._function.ask("GET", "/api/v1/check", about)["checks"]
            what = f"{row['name']}: " if row else ""
            found += [(what + one["what"], one["message"] or not one["isOk"]) for one in rows]
        for what, *how in asked:
            try:
                self._function.ask(*how)
                found.append((what, ""))
            except Failure as reason:
                found.append((what, reason))
        say(*(item("error" if why else "create", what, why or "") for what, why in found))
        return FAILED if any(why for _, why in found) else OK

    def apply(self) -> int:
        """Make the stored syncs those of files."""
        configs = read_configs(self._words.file)
        files = {(one["projectId"], one["name"]): one for one in configs}
        if not files or len(files) < len(configs):
            raise Failure("Two files hold one sync." if files else "Say -f FILE_OR_FOLDER.", USAGE)
        projects = sorted({project for project, _ in files})
        listed = [row for one in projects for row in self._function.syncs(one)["secretSyncs"]]
        rows = {(row["projectId"], row["name"]): row for row in listed}
        gone = [row for key, row in rows.items() if key not in files]
        for key in files.keys() - rows.keys():
            for row in [one for one in gone if place_of(stored(one)) == place_of(files[key])][:1]:
                say(item("update", f"{row['name']} is called {key[1]} now"))
                if self._words.prune:  # it stays the same sync, so that its secrets stay its own
                    gone.remove(row)
                    rows[key] = row
        if self._words.prune:
            self._prune(gone, len(listed))
        return worst([self._apply_one(one, rows.get(key)) for key, one in files.items()])

    def _prune(self, gone: Sequence[Json], total: int) -> None:
        say(*(item("delete", row["name"]) for row in gone))
        if 2 * len(gone) > total:
            raise Failure(f"{len(gone)} of {total} are more than half: nothing was changed.")
        if gone and not self._words.dry_run:
            self._confirm(f"Delete {counted(gone, 'sync')}? The secrets stay in the vault.")
            for row in gone:
                path = f"{SYNCS}/{row['id']}"
                self._function.ask("DELETE", path, {"removeSecrets": "false"})

    def _apply_one(self, config: Json, row: Json) -> int:
        lines = [*differences(stored(row), config)] if row else []
        if row and not lines:
            say(f"= {config['name']}")
            return OK
        say(item("update" if row else "create", config["name"]), *lines)
        path = f"{SYNCS}/{row['id']}" if row else SYNCS
        if self._words.dry_run:
            query = {"syncId": row["id"]} if row else None
            answer = self._function.ask("POST", f"{SYNCS}/plan", query, config)
            say(*(f"    {line}" for line in plans_text([(config["name"], answer)])))
            changed = CHANGES if self._words.detailed_exitcode else OK
            return worst([code_of_plan(answer["plan"], self._words), changed])
        answer = self._function.ask("PATCH" if row else "POST", path, None, config)
        return self._follow(answer, edited=True) if config["isAutoSyncEnabled"] else OK

    def _row(self) -> Json:
        return self._function.find(self._words.name, self._words.project)

    def _patch(self, fields: Json) -> Json:
        return self._function.ask("PATCH", f"{SYNCS}/{self._row()['id']}", None, fields)

    def _act(self, query: Json) -> int:
        kind = self._words.command
        path = f"{SYNCS}/{self._row()['id']}/{kind}-secrets"
        return self._follow(self._function.ask("POST", path, query), kind.title())

    def _confirm(self, question: str) -> None:
        """Ask on a terminal; elsewhere --yes must be said."""
        if self._words.yes:
            return
        if not sys.stdin.isatty():
            raise Failure(f"{question} Without a terminal, say --yes.", USAGE)
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Failure("Nothing was done.")

    def _follow(self, answer: Json, kind: str = "Sync", *, edited: bool = False) -> int:
        """Wait until the job of an answer ended; show what all its attempts did.

        After an edit any run will do: that of the event may be quicker than the API's own.
        """
        for warning in answer.get("warnings", []):
            note(f"note: {warning}")
        row, said, pauses = answer["secretSync"], "", [*PAUSES_SECONDS]
        job, give_up = row[f"last{kind}JobId"], time.monotonic() + self._words.wait
        while True:
            last, phase = row[f"last{kind}JobId"], row[f"{kind.lower()}Status"]
            jobs = {job, last} if edited else {job}
            runs = [run for run in self._function.runs(row) if run["jobId"] in jobs]
            outcomes = [run["outcome"] for run in runs] + ([phase] if last in jobs else [])
            outcome = next((one for one in outcomes if one in ENDED), None)
            left = give_up - time.monotonic()
            if outcome or left <= 0:
                break
            if said != (said := f"{row['name']}: {phase} {row[f'last{kind}Message'] or ''}"):
                note(said)
            time.sleep(min(left, pauses.pop(0) if len(pauses) > 1 else pauses[0]))
            row = self._function.sync(row["id"])
        if self._words.json:
            say(json.dumps({"secretSync": row, "runs": runs}, indent=2))
        else:
            counts: dict[str, int] = {}
            for name, count in [pair for run in reversed(runs) for pair in run["counts"].items()]:
                counts[name] = count + (counts.get(name, 0) if name in GLYPHS else 0)
            say(f"{row['name']}: {outcome or 'still at it'}  {counts_text(counts)}")
            say(*(line for run in reversed(runs) for line in run_text(run)))
        if outcome == "failed":
            return GUARD if stops_of(row) else FAILED
        return OK if outcome else WAITING


# The command line: which words each command takes

_SWITCH = {"action": "store_true"}
OPTIONS: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "name": (("name",), {"metavar": "NAME", "help": "name or id of a sync"}),
    "names": (("names",), {"metavar": "NAME", "nargs": "*", "help": "names or ids of syncs"}),
    "run": (("run",), {"metavar": "RUN", "help": "id of a run, or how it begins"}),
    "project": (("-p", "--project"), {"help": "the source's project"}),
    "json": (("--json",), {**_SWITCH, "help": "the API's answer, unchanged"}),
    "yes": (("-y", "--yes"), {**_SWITCH, "help": "do not ask"}),
    "wait": (("--wait",), {"type": int, "default": 300, "metavar": "SECONDS", "help": "how long"}),
    "file": (("-f", "--file"), {"action": "append", "help": "a config, or a folder of them"}),
    "failing": (("--failing",), {**_SWITCH, "help": "only what fails; then 1 or 3"}),
    "all": (("--all",), {**_SWITCH, "help": "all syncs"}),
    "output": (("-o", "--output"), {"choices": ["text", "json", "markdown"], "default": "text"}),
    "code": (("--detailed-exitcode",), {**_SWITCH, "help": "2 if there are changes"}),
    "force": (("--force",), {"metavar": "FINGERPRINT", "help": "do that plan in spite of guards"}),
    "from": (("--prioritize",), {"choices": ["source", "destination"], "default": "source"}),
    "dry": (("--dry-run",), {**_SWITCH, "help": "only say what would be done"}),
    "prune": (("--prune",), {**_SWITCH, "help": "delete syncs that are in no file"}),
}
COMMANDS = {
    "list": "project json failing",
    "status": "name project json",
    "history": "name project json",
    "plan": "names project all file output code",
    "sync": "name project force wait json",
    "import": "name project from wait yes json",
    "remove": "name project wait yes json",
    "enable": "name project wait yes json",
    "disable": "name project",
    "pause": "",
    "resume": "yes",
    "apply": "file dry code prune wait yes json",
    "undo": "name run project wait yes json",
    "cleanup": "name project wait yes json",
    "check": "names project file",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with 64: argparse's own 2 would read as changes."""
        self.exit(USAGE, f"{self.format_usage()}{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    form = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="vaultsync", description=__doc__, formatter_class=form)
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, options in COMMANDS.items():
        run = getattr(Commands, name if name != "import" else "import_")
        command = subparsers.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.set_defaults(do=run, command=name)
        for option in options.split():
            command.add_argument(*OPTIONS[option][0], **OPTIONS[option][1])
    words = parser.parse_args(arguments)
    try:
        code: int = words.do(Commands(connect(os.environ), words))
    except Failure as failure:
        note(f"vaultsync: {failure}")
        return failure.code
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
