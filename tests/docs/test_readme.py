"""The documents' shell blocks as a new user pastes them: the real `oci`, with simulators behind it."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from functions.plan.sync_config import PREFIX as CONFIGS
from infra.local.messages import object_event
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, FUNCTION_ID, NAMESPACE, QUEUE_ID, VAULT_ID
from infra.local.services import CREDENTIALS_NAME
from infra.local.stack import ROOT
from tests.docs.documents import DEPLOY, DOCUMENTS, OPERATE, shell
from tests.support.api import SYNCS
from tests.support.example_sync import PROJECT
from tests.support.user import APPLICATION_ID, LOG_GROUP_ID, METRICS, User
from tests.support.world import running_world

OCI_COMMANDS = Path(__file__).parents[1] / "support" / "oci_commands.py"
LONGEST_SECONDS = 240  # a dozen calls of oci
ENDPOINTS = ("$queue_endpoint", "MANAGEMENT_ENDPOINT")

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="oci-cli cannot be installed on this Python"
)


def commands():
    """Return the words after each `oci` in shell blocks and sentences."""
    example = (ROOT / "infra/terraform/terraform.tfvars.example").read_text()
    text = "\n".join([*DOCUMENTS.values(), re.sub(r"(?m)^#    → (.+)", r"`\1`", example)])
    found = re.findall(r"```(?:ba)?sh\n(.+?)```|`(oci .+?)`", text, re.DOTALL)
    code = "\n".join(block or inline for block, inline in found)
    for command in re.findall(r"\boci (.+)", code.replace("\\\n", "")):
        words = shlex.shlex(command, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        yield list(takewhile(lambda word: word[0] not in "|;)&>", words))


@pytest.fixture(scope="module")
def world():
    """A deployment as Terraform makes it: no prefix in the store, and events of what is put there."""
    with running_world(env={"CONFIG_STORE": f"oci://{BUCKET}@{NAMESPACE}"}) as world:

        def written(_bucket, name):
            if name.startswith(CONFIGS):
                world.call(object_event(world.clock, name))

        world.cloud.objects.on_write = written
        world.source.set("prod", "/api", "PASSWORD", "hunter2")
        yield world


@pytest.fixture(scope="module")
def user(world, tmp_path_factory):
    """Whoever deployed it."""
    return User(world, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def connected(world, user):
    """The credentials block, and which files there were when it called OCI."""
    [block] = shell(DEPLOY, "Connect Infisical")
    modes = {}
    world.cloud.before = lambda _call: modes.update(user.modes())
    screen = user.answer_prompts(
        block,
        ("client id: ", world.infisical.client_id, True),
        ("client secret: ", world.infisical.client_secret, False),
    )
    world.cloud.before = lambda _call: None
    token, webhook = re.findall(r": ([0-9a-f]{64})\r\n", screen)
    return SimpleNamespace(screen=screen, modes=modes, token=token, webhook=webhook)


@pytest.fixture(scope="module")
def synced(world, user, connected):
    """Both blocks of the first sync, in one shell, and what the vault held after each command."""
    held = []
    invoke = world.cloud.functions.on_invoke

    def invoked(*call):
        answer = invoke(*call)
        held.append(in_vault(world))
        return answer

    world.cloud.functions.on_invoke = invoked
    (user.home / "cli").symlink_to(ROOT / "cli")
    script = "".join(shell(DEPLOY, "First sync"))
    script = re.sub(r"(?<=project=)[0-9a-f-]{36}", PROJECT, script)
    output = user.run(script, limit_seconds=LONGEST_SECONDS)
    return SimpleNamespace(output=output, held=held)


def in_vault(world):
    """Return the values of the vault, but for the credentials."""
    return {k: v for k, v in world.cloud.vault.live(VAULT_ID).items() if k != CREDENTIALS_NAME}


def test_the_client_secret_is_neither_shown_nor_left_behind(world, user, connected):
    """The credentials block shows no client secret; its files are the user's alone, and go away."""
    secret = world.infisical.client_secret
    assert secret not in connected.screen
    assert connected.modes == {"credentials.json": 0o600, "update.json": 0o600}
    files = [file for file in user.home.rglob("*") if file.is_file()]
    assert not [file for file in files if secret.encode() in file.read_bytes()]


def find_things():
    """Return the block that finds everything, as somebody fills it in who has no Terraform state."""
    block = shell(OPERATE, "Find things")[0]
    return re.sub(r"(?m)^compartment=.+", f"compartment={COMPARTMENT_ID}", block)


def test_things_are_found_without_terraform(world, user):
    """From compartment and name alone, all that the other blocks use is found."""
    block = find_things()
    names = re.findall(r"(?m)^(\w+)=", block)
    known = set(names)
    script = block + "".join(f'echo "{name}=${name}"\n' for name in known)
    found = dict(line.split("=", 1) for line in user.run(script).splitlines())
    assert found == {
        "compartment": COMPARTMENT_ID,
        "name": "vault-sync",
        "application": APPLICATION_ID,
        "function": FUNCTION_ID,
        "store": f"oci://{BUCKET}@{NAMESPACE}",
        "bucket": BUCKET,
        "queue": QUEUE_ID,
        "queue_endpoint": world.cloud.url,
        "metrics": METRICS,
        "credentials": world.env["CREDENTIALS_SECRET_OCID"],
        "vault": VAULT_ID,
        "log_group": LOG_GROUP_ID,
        "gateway": world.stack.gateway.url,
    }


def test_every_variable_has_a_place():
    """No block of docs/operate.md uses a variable that neither it nor the first one sets."""
    blocks = re.findall(r"```sh\n(.+?)```", OPERATE, re.DOTALL)
    known = set()
    for block in blocks:
        known |= set(re.findall(r"(?m)^(\w+)=", block))
        assert set(re.findall(r"\$\{?([a-z_]+)", block)) <= known


def test_credentials_are_rotated(world, user, connected):
    """The rotation's blocks get the very JSON that is in the vault, and put back what was edited."""
    get, put = shell(OPERATE, "Rotate")
    user.run(find_things() + get)
    file = user.here / "credentials.json"
    content = file.read_bytes()
    assert user.modes()["credentials.json"] == 0o600
    assert content == world.cloud.vault.live(VAULT_ID)[CREDENTIALS_NAME]
    file.write_bytes(content + b"\n")
    user.run(find_things() + put)
    assert world.cloud.vault.live(VAULT_ID)[CREDENTIALS_NAME] == content + b"\n"
    assert "credentials.json" not in user.modes()
    credentials = json.loads(content)
    assert credentials.pop("digestKey")
    assert credentials == {
        "clientId": world.infisical.client_id,
        "clientSecret": world.infisical.client_secret,
        "webhookSecrets": [connected.webhook],
        "apiTokenHashes": [hashlib.sha256(connected.token.encode()).hexdigest()],
    }


def test_the_first_sync(synced):
    """Nothing is in the vault when the plan is shown; the sync makes exactly what it named."""
    before, planned, after = synced.output.partition("  + PAYMENTS_PASSWORD\n")
    assert "! " not in before
    assert "+ payments-prod: folder\n+ payments-prod: destination\n" in before
    assert planned
    assert "payments-prod: succeeded  +1 create" in after
    assert re.search(r"(?m)^status +succeeded$", after)
    assert '"PAYMENTS_PASSWORD"' in after
    assert after.endswith('{"status": "ok"}')
    made = {"PAYMENTS_PASSWORD": b"hunter2"}
    first = synced.held.index(made)
    assert first > 0
    assert synced.held == [{}] * first + [made] * (len(synced.held) - first)
    assert "hunter2" not in synced.output


def test_the_api_token_shows_the_sync(world, connected, synced):
    """The token that was printed opens the management API, where auto-sync is on by now."""
    access = {"authorization": f"Bearer {connected.token}"}
    status, answer = world.post(b"", access, f"{SYNCS}?projectId={PROJECT}", "GET")
    assert status == 200
    syncs = [(row["name"], row["isAutoSyncEnabled"]) for row in answer["secretSyncs"]]
    assert syncs == [("payments-prod", True)]


def test_a_change_in_the_source_arrives(world, connected, synced):
    """A webhook with the secret that was printed syncs one update; with the earlier one it is 401."""
    world.source.set("prod", "/api", "PASSWORD", "hunter3")
    assert world.webhook("/api", "prod")[0] == 401
    assert in_vault(world) == {"PAYMENTS_PASSWORD": b"hunter2"}
    assert world.webhook("/api", "prod", secret=connected.webhook)[0] == 200
    assert in_vault(world) == {"PAYMENTS_PASSWORD": b"hunter3"}
    [run] = world.until(lambda: [line for line in list(world.log) if '"cause": "webhook"' in line])
    assert json.loads(run)["changes"] == {"update": 1}


def test_every_oci_command_is_one(world, user, tmp_path):
    """Each `oci` command of the documents gets as far as a call to OCI; one in passing has a help."""
    ZipFile(tmp_path / "stack.zip", "w").close()
    for file in ("sync.json", "update.json", "variables.json", "config.json", "pause.json"):
        (tmp_path / file).write_text('{"secretId": "OCID", "secretContentContent": "eA=="}')
    lines = [
        [world.cloud.url if word in ENDPOINTS else word for word in words]
        + ["--help"] * all(not word.startswith("--") for word in words)
        for words in commands()
    ]
    done = subprocess.run(
        [sys.executable, str(OCI_COMMANDS)],
        input="\n".join(map(json.dumps, lines)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=user.env,
        cwd=tmp_path,
    )
    results = map(json.loads, done.stdout.splitlines())
    for words, (code, output) in zip(lines, results, strict=True):
        assert code == 0 or '"status": 404' in output, (words, output)
