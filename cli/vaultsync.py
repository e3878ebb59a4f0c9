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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib import parse, request
from uuid import NAMESPACE_URL, uuid5

VERSION = "0.1.0"
OK, FAILED, CHANGES, GUARD, WAITING, USAGE = 0, 1, 2, 3, 4, 64
WORST_FIRST = (FAILED, GUARD, WAITING, CHANGES, OK)
SYNCS = "/api/v1/secret-syncs/oci-vault"
CALL_TIMEOUT_SECONDS = 330  # a call of the function may take 300 s
PAUSES_SECONDS = (2, 3, 5, 8, 13)  # between looks at a job; the last one repeats
MAX_COMMENT_CHARACTERS = 60_000  # GitHub takes 65,536
LOOPBACK = ("localhost", "127.0.0.1", "::1")
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
GLYPHS = {"delete": "-", "restore": "^", "update": "~", "create": "+", "tag": "#"}
COLOURS = {"+": 32, "~": 33, "^": 36, "#": 34, "-": 31, "!": 31}
DEFAULTS = {"description": None, "connectionId": None, "isAutoSyncEnabled": True}
OPTION_DEFAULTS = {
    **dict.fromkeys(("keySchema", "deletionGuard", "tags", "filter", "bundle")),
    **dict.fromkeys(("disableSecretDeletion", "includeAllSubFolders"), False),
    "deletionDays": 7,
    "blockingScope": "vault",
}
"""What the function takes a field of a config for that is left out."""
OWN_CONNECTION_ID = str(uuid5(NAMESPACE_URL, "oci-vault-sync/connections/function"))  # of none

Json = Any
Call = Callable[[str, str, Json, Json], Json]
"""Sends method, path, query and body of one request; returns status and JSON."""


class Failure(Exception):
    """What ends the command: a sentence, and the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def gateway(url: str, token: str) -> Call:
    """Return what calls the management API behind API Gateway; the token goes to this host only."""
    base = re.sub(r"(/api/v1)?/*$", "", url)
    place = parse.urlsplit(base)
    if place.scheme != "https" and (place.scheme != "http" or place.hostname not in LOOPBACK):
        raise Failure("VAULTSYNC_URL must begin with https: the token goes there.", USAGE)
    headers = {"Authorization": f"Bearer {token}", "User-Agent": f"vaultsync/{VERSION}"}
    opener = request.OpenerDirector()  # nothing in it follows redirects: the token would go along
    for handler in (request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler):
        opener.add_handler(handler())

    def call(method: str, path: str, query: Json, body: Json) -> Json:
        target = base + path + (f"?{parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = request.Request(target, data, headers | kind, method=method)  # noqa: S310 - see above
        try:
            with opener.open(sent, timeout=CALL_TIMEOUT_SECONDS) as answer:
                return answer.status, parsed(answer.read())
        except OSError as reason:  # URLError is one
            raise Failure(f"{base} cannot be reached: {reason}") from None

    return call


def invocation(function_ocid: str) -> Call:
    """Return what has the oci command line invoke the function: IAM knows who it is."""
    oci = shutil.which("oci")
    if oci is None:
        raise Failure("VAULTSYNC_FUNCTION needs `oci`, which is not on the PATH.", USAGE)
    # One sync must not be started twice, so there are no retries.
    limits = ("--no-retry", "--read-timeout", str(CALL_TIMEOUT_SECONDS))
    invoke = ("fn", "function", "invoke", "--function-id", function_ocid, "--file", "-", "--body")

    def call(method: str, path: str, query: Json, body: Json) -> Json:
        asked = {"command": "api", "method": method, "path": path}
        command = (oci, *limits, *invoke, json.dumps({**asked, "query": query or {}, "body": body}))
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        answer = parsed(done.stdout.encode())
        if done.returncode == 0 and isinstance(answer, dict) and "status" in answer:
            return answer["status"], answer["body"]
        reason = done.stderr.strip() or done.stdout.strip()
        raise Failure(f"oci fn function invoke failed: {reason[-2000:]}")

    return call


def parsed(text: bytes) -> Json:
    """Return the JSON of an answer, None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def connect(environment: Mapping[str, str]) -> Call:
    """Return what calls the function that the environment names."""
    given = {name[10:]: text for name, text in environment.items() if name[:10] == "VAULTSYNC_"}
    if ("URL" in given) == ("FUNCTION" in given):
        raise Failure("Set either VAULTSYNC_URL and VAULTSYNC_TOKEN or VAULTSYNC_FUNCTION.", USAGE)
    if "FUNCTION" in given:
        return invocation(given["FUNCTION"])
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
    return gateway(given["URL"], token.strip())


def plain(text: object) -> str:
    """Return a text from elsewhere as one line that can do nothing to a terminal."""
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
        for what, action in (("removed", "delete"), ("changed", "update"), ("added", "create")):
            yield from (item(action, f"  {key}") for key in one.get("keys", {}).get(what, []))
    yield from (item("error", *pair) for pair in plan["errors"].items())
    for field, word in (("blocked", "waits"), ("warnings", "note"), ("stops", "stopped")):
        yield from (f"{word}: {plain(text)}" for text in plan.get(field, []))


def plans_text(plans: Iterable[tuple[str, Json]]) -> Iterator[str]:
    """Yield plans for a terminal."""
    for name, answer in plans:
        plan = answer["plan"]
        yield f"{name}: {counts_text(plan['counts'])}  (fingerprint {plan['fingerprint']})"
        yield from (f"  {line}" for line in changes_text(plan))
        if not plan["changes"] and not plan["errors"]:
            yield "  The vault is as the source wants it. Nothing would be done."


def plans_markdown(plans: Iterable[tuple[str, Json]]) -> Iterator[str]:
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


def runs_text(runs: Iterable[Json]) -> Iterator[str]:
    """Yield what runs did: names and reasons."""
    for run in runs:
        changed = run["changed"].items()
        lines = [item(action, name) for action, names in changed for name in names]
        lines += [f"drift: {plain(name)}" for name in run["drift"]]
        lines += [item("error", *pair) for pair in run["errors"].items()]
        yield from (
            f"    {line}" for line in [*lines, *filter(None, [plain(run["message"] or "")])]
        )


def verdict(row: Json) -> tuple[str, int, str]:
    """Return the status of a sync in a few words, its exit code, and the guards that hold it."""
    stops = "; ".join((row.get("lastRun") or {}).get("stops") or [])
    state = "secrets removed" if row.get("isHeldAfterRemoval") else row["syncStatus"]
    state = "held by a guard" if stops else state or "never synced"
    code = GUARD if stops else FAILED if row["syncStatus"] == "failed" else OK
    return state if row["isAutoSyncEnabled"] else f"{state}, auto-sync off", code, stops


def worst(codes: Iterable[int]) -> int:
    """Return the code that counts of several."""
    return min((OK, *codes), key=WORST_FIRST.index)


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


def scope_of(options: Json) -> str | None:
    """Return which names of the vault are a sync's: those of its bundle or key schema."""
    bundle = options.get("bundle")
    return f"a bundle: {bundle['name']}" if bundle else options.get("keySchema")


def place_of(config: Json) -> str:
    """Return what a sync is about, whatever its name: folder, destination, names of its secrets."""
    names = ("projectId", "environment", "secretPath", "destinationConfig")
    parts = [*map(config.get, names), scope_of(config["syncOptions"])]
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

    def __init__(self, call: Call, words: argparse.Namespace) -> None:
        self._call, self._words = call, words

    def list(self) -> int:
        """Show the syncs."""
        answer = self._syncs(self._words.project)
        rows = answer["secretSyncs"]
        if self._words.failing:
            rows = [row for row in rows if verdict(row)[1] != OK]
        lines = [["NAME", "STATUS", "SOURCE", "LAST SUCCESS", "MESSAGE"]]
        for row in sorted(rows, key=lambda one: (one["projectId"], one["name"])):
            source = plain(f"{row['environment']['slug']}:{row['folder']['path']}")
            message = plain(row["lastSyncMessage"] or "")[:120]
            lines.append([row["name"], verdict(row)[0], source, ago(row["lastSyncedAt"]), message])
        broken = [f"broken: {plain(one['message'])}" for one in answer["broken"]]
        shown = [*(table(lines) if rows else ["No syncs."]), *broken]
        self._show(answer | {"secretSyncs": rows}, shown)
        codes = [*(verdict(row)[1] for row in rows), *(FAILED for _ in broken)]
        return worst(codes) if self._words.failing else OK

    def status(self) -> int:
        """Show one sync."""
        row = self._row()
        state, code, stops = verdict(row)
        lines = {
            "name": row["name"],
            "id": row["id"],
            "status": state,
            "source": f"{row['projectId']} {row['environment']['slug']}:{row['folder']['path']}",
            "vault": row["destinationConfig"]["vaultOcid"],
            "compartment": row["destinationConfig"]["compartmentOcid"],
            "key schema": scope_of(row["syncOptions"]) or "none: the whole vault",
            "last success": ago(row["lastSyncedAt"]),
            "next try": row.get("retryAt"),
            "sync": row["lastSyncMessage"],
            "import": row["lastImportMessage"],
            "removal": row["lastRemoveMessage"],
            "stopped": stops,
        }
        shown = table([(name, plain(value)) for name, value in lines.items() if value])
        self._show({"secretSync": row}, shown)
        return code

    def history(self) -> int:
        """Show the last runs, with the names that they changed."""
        row, lines = self._row(), []
        runs = self._runs(row)
        for run in runs:
            at, by = run["startedAt"][:19].replace("T", " "), run.get("by")
            cause = f"{run['cause']} by {plain(by)}" if by else run["cause"]
            did = f"{run['outcome']}  {counts_text(run['counts'])}  {run['seconds']:.1f} s"
            lines += [f"{at}  {run['id']}  {run['kind']}  {cause}  {did}", *runs_text([run])]
        self._show({"runs": runs}, lines)
        return verdict(row)[1]

    def plan(self) -> int:
        """Show what a sync would do; nothing is written."""
        words = self._words
        rows = [*self._syncs(words.project)["secretSyncs"]] if words.all else []
        rows += [self._find(name) for name in words.names]
        asked = [(row["name"], f"{SYNCS}/{row['id']}/plan", None) for row in rows]
        asked += [(one["name"], f"{SYNCS}/plan", one) for one in read_configs(words.file)]
        if not asked:
            raise Failure("Say which sync, or --all, or -f FILE.", USAGE)
        plans, codes = [], []
        for name, path, body in asked:
            try:
                plans.append((name, self._ask("POST", path, None, body)))
                codes.append(self._code_of(plans[-1][1]["plan"]))
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
        if not self._words.yes:
            path, query = f"{SYNCS}/{self._row()['id']}/plan", {"kind": "remove"}
            names = [one["name"] for one in self._ask("POST", path, query)["plan"]["changes"]]
            self._confirm(f"Schedule the deletion of {counted(names, 'secret')}?", "delete", names)
        return self._act(None)

    def enable(self) -> int:
        """Switch the auto-sync on."""
        self._confirm(f"Switch the auto-sync of {self._words.name} on? It syncs at once.")
        before = self._runs(self._row())
        return self._follow(self._switch(is_on=True), before=before)

    def disable(self) -> int:
        """Switch the auto-sync off."""
        self._switch(is_on=False)
        say(f"{self._words.name}: auto-sync is off. It syncs only when it is asked to.")
        return OK

    def pause(self) -> int:
        """Stop all syncs at once."""
        answer = self._ask("POST", f"/api/v1/{self._words.command}")
        say("All syncs are paused." if answer["isPaused"] else "All syncs go on.")
        return OK

    def resume(self) -> int:
        """End the stop of all syncs."""
        self._confirm("Resume all syncs? Each with auto-sync is verified.")
        return self.pause()

    def undo(self) -> int:
        """Bring back what a run deleted."""
        row, begin = self._row(), self._words.run
        runs = [run for run in self._runs(row) if run["id"].startswith(begin)]
        names = runs[0]["changed"].get("delete") if len(runs) == 1 else None
        if not names:
            raise Failure(f"No run {begin} of {row['name']} is known that deleted something.")
        question = f"Switch the auto-sync off and cancel {counted(names, 'deletion')}?"
        self._confirm(question, "restore", names)
        return self._follow(self._ask("POST", f"{SYNCS}/{row['id']}/runs/{runs[0]['id']}/undo"))

    def cleanup(self) -> int:
        """Schedule the deletion of what an edit left behind."""
        path = f"{SYNCS}/{self._row()['id']}"
        found = self._ask("GET", f"{path}/left-behind")
        names = [one["name"] for one in found["leftBehind"]]
        for warning in found["warnings"]:
            note(f"note: {warning}")
        if not names:
            self._show(found, ["Nothing is left behind."])
            return OK
        self._confirm(f"Schedule the deletion of {counted(names, 'secret')}?", "delete", names)
        return self._follow(self._ask("POST", f"{path}/cleanup"))

    def check(self) -> int:
        """Look at all that a sync needs."""
        found: list[tuple[str, object]] = []
        for row in [*map(self._find, self._words.names)] or [None]:
            about, what = ({"syncId": row["id"]}, f"{row['name']}: ") if row else (None, "")
            rows = self._ask("GET", "/api/v1/check", about)["checks"]
            found += [(what + one["what"], one["message"] or not one["isOk"]) for one in rows]
        asked: list[tuple[Any, ...]] = [("who asks", "GET", "/api/v1/session")]
        for config in read_configs(self._words.file):
            name, project = config["name"], parse.quote(config["projectId"], safe="")
            folder = {"environment": config.get("environment"), "path": config.get("secretPath")}
            asked += [(f"{name}: folder", "GET", f"/api/v1/projects/{project}/folders", folder)]
            asked += [(f"{name}: destination", "POST", f"{SYNCS}/plan", None, config)]
        for what, *how in asked:
            try:
                self._ask(*how)
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
        listed = [row for one in projects for row in self._syncs(one)["secretSyncs"]]
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
                self._ask("DELETE", f"{SYNCS}/{row['id']}", {"removeSecrets": "false"})

    def _apply_one(self, config: Json, row: Json) -> int:
        lines = [*differences(stored(row), config)] if row else []
        if row and not lines:
            say(f"= {config['name']}")
            return OK
        say(item("update" if row else "create", config["name"]), *lines)
        if self._words.dry_run:
            query = {"syncId": row["id"]} if row else None
            answer = self._ask("POST", f"{SYNCS}/plan", query, config)
            say(*(f"    {line}" for line in plans_text([(config["name"], answer)])))
            changed = CHANGES if self._words.detailed_exitcode else OK
            return worst([self._code_of(answer["plan"]), changed])
        method, path = ("PATCH", f"{SYNCS}/{row['id']}") if row else ("POST", SYNCS)
        before = self._runs(row) if row else []
        answer = self._ask(method, path, None, config)
        return self._follow(answer, before=before) if config["isAutoSyncEnabled"] else OK

    def _ask(self, method: str, path: str, query: Json = None, body: Json = None) -> Json:
        """Return the answer. Raises Failure with the function's own sentence."""
        status, answer = self._call(method, path, query, body)
        if status < 300:  # noqa: PLR2004 - HTTP's
            return answer
        message = answer.get("message") if isinstance(answer, dict) else None
        if isinstance(message, list):  # fields that break a rule
            message = "; ".join(f"{'.'.join(map(str, m['path']))}: {m['message']}" for m in message)
        request_id = f" (request {answer['reqId']})" if message and answer.get("reqId") else ""
        raise Failure(f"{message or f'The function answered {status}.'}{request_id}")

    def _syncs(self, project: str | None) -> Json:
        return self._ask("GET", SYNCS, {"projectId": project} if project else None)

    def _runs(self, row: Json) -> Json:
        return self._ask("GET", f"{SYNCS}/{row['id']}/runs")["runs"]

    def _row(self) -> Json:
        return self._find(self._words.name)

    def _find(self, name: str) -> Json:
        """Return a sync by its name or id."""
        if re.fullmatch(UUID, name):
            return self._ask("GET", f"{SYNCS}/{name}")["secretSync"]
        answer = self._syncs(self._words.project)
        rows = [row for row in answer["secretSyncs"] if row["name"] == name]
        if len(rows) > 1:
            projects = ", ".join(sorted(row["projectId"] for row in rows))
            raise Failure(f"Several projects have {name}; say which by -p: {projects}", USAGE)
        if rows:
            return rows[0]
        broken = [b for b in answer["broken"] if b["objectName"].endswith(f"/{name}.json")]
        raise Failure(broken[0]["message"] if broken else f"There is no sync {name}.")

    def _switch(self, *, is_on: bool) -> Json:
        path = f"{SYNCS}/{self._row()['id']}"
        return self._ask("PATCH", path, None, {"isAutoSyncEnabled": is_on})

    def _act(self, query: Json) -> int:
        kind = self._words.command
        path = f"{SYNCS}/{self._row()['id']}/{kind}-secrets"
        return self._follow(self._ask("POST", path, query), kind.title())

    def _show(self, answer: Json, lines: Iterable[str]) -> None:
        """Write lines, or the API's answer as it is."""
        say(*([json.dumps(answer, indent=2)] if self._words.json else lines))

    def _code_of(self, plan: Json) -> int:
        """Return the exit code of a plan; mending a tag of its own is no change."""
        if plan["errors"] or plan.get("stops"):
            return FAILED if plan["errors"] else GUARD
        has_changes = any(one["action"] != "tag" or one.get("held") for one in plan["changes"])
        return CHANGES if self._words.detailed_exitcode and has_changes else OK

    def _confirm(self, question: str, action: str = "", names: Sequence[str] = ()) -> None:
        """Name what it is about, and ask on a terminal; elsewhere --yes must be said."""
        if names and not self._words.json:
            say(*(item(action, name) for name in names))
        if self._words.yes:
            return
        if not sys.stdin.isatty():
            raise Failure(f"{question} Without a terminal, say --yes.", USAGE)
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Failure("Nothing was done.")

    def _follow(self, answer: Json, kind: str = "Sync", before: Json = None) -> int:
        """Wait until the job of an answer ended; show what all its attempts did.

        After an edit, with the runs `before` it, any run will do: that of the event may be quicker.
        """
        known = None if before is None else {run["id"] for run in before}
        for warning in answer.get("warnings", []):
            note(f"note: {warning}")
        row, said, pauses = answer["secretSync"], "", [*PAUSES_SECONDS]
        job, give_up = row[f"last{kind}JobId"], time.monotonic() + self._words.wait
        while True:
            last, phase = row[f"last{kind}JobId"], row[f"{kind.lower()}Status"]
            runs = self._runs(row)
            runs = [
                r for r in runs if (r["jobId"] == job if known is None else r["id"] not in known)
            ]
            is_news = last == job or known is not None
            outcomes = [run["outcome"] for run in runs] + ([phase] if is_news else [])
            outcome = next((one for one in outcomes if one in ("succeeded", "failed")), None)
            left = give_up - time.monotonic()
            if outcome or left <= 0:
                break
            if said != (said := f"{row['name']}: {phase} {row[f'last{kind}Message'] or ''}"):
                note(said)
            time.sleep(min(left, pauses.pop(0) if len(pauses) > 1 else pauses[0]))
            row = self._ask("GET", f"{SYNCS}/{row['id']}")["secretSync"]
        changes = Counter[str]()
        for run in runs:
            changes.update({n: run["counts"].get(n, 0) for n in (*GLYPHS, "imported")})
        counts = {**(runs[0]["counts"] if runs else {}), **changes}
        first = f"{row['name']}: {outcome or 'still at it'}  {counts_text(counts)}"
        self._show({"secretSync": row, "runs": runs}, [first, *runs_text(reversed(runs))])
        if outcome == "failed":
            return verdict(row)[1] or FAILED
        return OK if outcome else WAITING


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("vaultsync", description=__doc__, formatter_class=form)
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, options in COMMANDS.items():
        run = getattr(Commands, name if name != "import" else "import_")
        command = subparsers.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.set_defaults(do=run, command=name)
        for option in options.split():
            command.add_argument(*OPTIONS[option][0], **OPTIONS[option][1])
    try:
        words = parser.parse_args(arguments)
        code: int = words.do(Commands(connect(os.environ), words))
    except SystemExit as end:
        return USAGE if end.code else OK  # argparse's own 2 would read as changes
    except Failure as failure:
        note(f"vaultsync: {failure}")
        return failure.code
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
