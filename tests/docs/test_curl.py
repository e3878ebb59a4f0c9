"""The lines for curl in docs/api.md, as somebody pastes them into a shell."""

import json
import re
import subprocess

import pytest

from tests.docs.documents import API, section
from tests.support.world import PROJECT, running_world


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the block prints: status and JSON of each call, in order."""
    here = tmp_path_factory.mktemp("curl")
    [block] = re.findall(r"```bash\n(.+?)```", section(API, "With curl"), re.DOTALL)
    with running_world() as world:
        sync = world.sync(values={"A": "1"})
        sync.config |= {
            "name": "by-curl",
            "syncOptions": {**sync.config["syncOptions"], "keySchema": "P_{{secretKey}}"},
        }
        (here / "sync.json").write_text(json.dumps(sync.config))
        script = re.sub(r"(?m)^api=.+", f'api="{world.stack.gateway.url}/api/v1"', block)
        done = subprocess.run(
            ["/bin/bash", "-ec", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=here,
            env={"PATH": "/usr/bin:/bin", "TOKEN": world.stack.api_token, "PROJECT": PROJECT},
        )
        lines = done.stdout.split("\n")
        assert sync.states == {"P_A": "PENDING_DELETION"}
    return [
        (int(status), json.loads(body))
        for body, status in zip(lines[::2], lines[1::2], strict=False)
    ]


def test_each_line_is_a_call_that_works(printed):
    """Each line is a call of the API that succeeds."""
    assert [status for status, _ in printed if status != 200] == []
    assert len(printed) == 15


def test_the_calls_do_what_is_said(printed):
    """The sync is made, planned, synced, changed and deleted, in this order."""
    rows = [answer["secretSync"] for _, answer in printed if "secretSync" in answer]
    assert {row["name"] for row in rows} == {"by-curl"}
    assert rows[0]["isAutoSyncEnabled"]
    assert not rows[-1]["isAutoSyncEnabled"]
