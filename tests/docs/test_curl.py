"""The lines for curl in docs/api.md, as somebody pastes them into a shell."""

import json
import re
import subprocess
from uuid import UUID

import pytest

from functions.api.routes import API_ROOT, ROUTES, find
from infra.local.oci.cloud import COMPARTMENT_ID
from tests.docs.documents import API, section
from tests.support.world import PROJECT, running_world

[BLOCK] = re.findall(r"```bash\n(.+?)```", section(API, "With curl"), re.DOTALL)
CALLS = [line.partition("  #")[0] for line in BLOCK.splitlines() if line.startswith("call ")]
SYNC = f"{API_ROOT}secret-syncs/oci-vault/{UUID(int=1)}"
VARIABLES = {
    "${api%/api/v1}": "",
    "$api": API_ROOT.rstrip("/"),
    "$one": SYNC,
    "$connection": f"{API_ROOT}app-connections/oci/{UUID(int=1)}",
    "$(id runs runs.json)": "0" * 32,
    "$PROJECT": PROJECT,
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the block prints: status and JSON of each call, in order."""
    here = tmp_path_factory.mktemp("curl")
    with running_world() as world:
        # An event's run would hold the lease while a later line asks for an import.
        world.cloud.objects.on_write = None
        sync = world.sync(values={"A": "1"})
        sync.config |= {
            "name": "by-curl",
            "syncOptions": {**sync.config["syncOptions"], "keySchema": "P_{{secretKey}}"},
        }
        (here / "sync.json").write_text(json.dumps(sync.config))
        script = re.sub(r"(?m)^api=.+", f'api="{world.stack.gateway.url}/api/v1"', BLOCK)
        done = subprocess.run(
            ["/bin/bash", "-ec", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=here,
            env={
                "PATH": "/usr/bin:/bin",
                "TOKEN": world.stack.api_token,
                "TOKEN_NAME": "local",
                "PROJECT": PROJECT,
                "COMPARTMENT": COMPARTMENT_ID,
                "VAULT": sync.vault_id,
            },
        )
        lines = done.stdout.split("\n")
        assert sync.states == {"P_A": "PENDING_DELETION"}
    return [
        (int(status), json.loads(body))
        for body, status in zip(lines[::2], lines[1::2], strict=False)
    ]


def test_each_line_is_a_call_that_works(printed):
    """Each line is a call of the API that succeeds."""
    assert [answer for status, answer in printed if status != 200] == []
    assert len(printed) == len(CALLS)


def test_each_call_of_the_api_has_a_line():
    """No route lacks its line, and no line is of another."""
    called = set()
    for line in CALLS:
        [url] = re.findall(r'"(\$(?:api|\{api%/api/v1\}|one|connection)[^"]*)"(?: |$)', line)
        for name, value in VARIABLES.items():
            url = url.replace(name, value)
        method = re.search(r"-X ([A-Z]+)", line)
        default = "POST" if "--data" in line else "GET"
        methods, _ = find(url.partition("?")[0])
        called.add(methods[method[1] if method else default].id)
    assert called == {route.id for methods in ROUTES.values() for route in methods.values()}


def test_the_calls_do_what_is_said(printed):
    """The sync is made, planned, synced, changed and deleted, in this order."""
    rows = [answer["secretSync"] for _, answer in printed if "secretSync" in answer]
    assert {row["name"] for row in rows} == {"by-curl"}
    assert rows[0]["isAutoSyncEnabled"]
    assert not rows[-1]["isAutoSyncEnabled"]
