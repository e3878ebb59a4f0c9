"""The API's description of itself, and what a fuzzer makes of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from functions.api.routes import HEALTH_PATH, ROUTES
from functions.schemas.openapi import document
from tests.support.api import SYNCS
from tests.support.example_sync import PROJECT
from tests.support.world import running_world

MAX_SECONDS = 12
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409]
# 400: the reference's business rules, such as a name that is taken or a folder that does not exist

[[operations]]
include-operation-id = "getOciVaultSecretSyncByName"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 422]
# 422: the fuzzer takes a projectId of null from another answer, and leaves the parameter out then
"""


@pytest.fixture(scope="module")
def world():
    """The function under the real fdk, behind the gateway."""
    with running_world() as world:
        yield world


def test_every_route_is_described():
    """The document names every route and method, by the reference's operation ids."""
    paths = document(ROUTES)["paths"]
    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    served = {(path, method) for path, methods in ROUTES.items() for method in methods}
    assert described == served
    create = paths[SYNCS]["post"]
    assert create["operationId"] == "createOciVaultSecretSync"
    assert {row["name"] for row in paths[SYNCS]["get"]["parameters"]} == {"projectId"}
    assert [path for path, methods in paths.items() if "security" in methods.get("get", {})] == [
        HEALTH_PATH
    ]


def test_options_of_options_are_closed():
    """The document says of each option that has options of its own that no others are taken."""
    schemas = document(ROUTES)["components"]["schemas"]
    for name in ("BundleOptions", "DeletionGuard", "SecretTags", "TagFilter"):
        assert schemas[name]["additionalProperties"] is False, name
    assert "additionalProperties" not in schemas["SyncOptions"]


def test_requests_are_open_and_hide_what_is_not_asked_for():
    """Unknown fields are allowed, internal ones not shown, and an update requires no field."""
    schemas = document(ROUTES)["components"]["schemas"]
    assert "isBeingRemoved" not in schemas["SyncConfig"]["properties"]
    assert "additionalProperties" not in schemas["SyncConfig"]
    assert "required" not in schemas["SyncConfigChanges"]
    assert "projectId" not in schemas["SyncConfigChanges"]["properties"]
    assert schemas["AccessKey"]["properties"]["privateKey"]["writeOnly"]
    assert "privateKey" not in schemas["ShownCredentials"]["properties"]


def fuzz(world, tmp_path, config, *options):
    """Run schemathesis against the gateway with all checks; fail with its findings."""
    url = world.stack.gateway.url
    (tmp_path / "schemathesis.toml").write_text(CONFIG + config)
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", f"{url}/api/v1/openapi.json"),
        *("--url", url, "--header", f"Authorization: Bearer {world.stack.api_token}"),
        *("--max-time", str(MAX_SECONDS), "--max-examples", "5", "--seed", "1", "--no-color"),
        *("--exclude-operation-id", "pauseSyncs"),  # else all the others would be refused
        *("--generation-database", "none", "--continue-on-failure", "--no-shrink", *options),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-2000:]
    assert not [line for line in world.log if "unexpected" in line]


def test_the_api_does_as_it_says(world, tmp_path):
    """Schemathesis finds no request to any route whose answer contradicts the document."""
    world.reset()
    fuzz(world, tmp_path, "", "--phases", "coverage,stateful")


def test_a_sync_does_as_the_api_says(world, tmp_path):
    """Nor does it where the sync exists that it asks about."""
    world.reset()
    world.source.set("dev", "/api", "TOKEN", "one")
    sync = world.sync()
    headers = {"authorization": f"Bearer {world.stack.api_token}"}
    _, listed = world.post(b"", headers, f"{SYNCS}?projectId={PROJECT}", "GET")
    (row,) = listed["secretSyncs"]
    assert row["name"] == sync.name
    known = {"path.syncId": row["id"], "path.syncName": sync.name, "query.projectId": PROJECT}
    lines = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in known.items()]
    fuzz(
        world,
        tmp_path,
        "\n".join(["[parameters]", *lines]),
        *("--phases", "coverage,fuzzing", "--include-path-regex", "sync(Id|Name)"),
        *("--exclude-operation-id", "deleteOciVaultSecretSync"),
    )
