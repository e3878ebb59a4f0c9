"""Who asks, what this server is, and what can be chosen as a source."""

import json
from datetime import timedelta

import pytest

from functions.version import VERSION
from infra.local.oci.cloud import REGION
from tests.support.api import PROJECT, READ_TOKEN, SYNCS, body, running_api, sha

SESSION = "/api/v1/session"
PROJECTS = "/api/v1/projects"


@pytest.fixture
def api():
    """A world of its own."""
    with running_api() as api:
        yield api


def test_a_session_says_who_asks_and_what_answers(api):
    """The session names role, token, version, source, region and interval; only known tokens have one."""
    said = api.ok("GET", SESSION)
    assert said == {
        "role": "full",
        "name": sha("full-token")[:8],
        "version": VERSION,
        "source": {"kind": "infisical", "url": api.app._settings.source_url},
        "region": REGION,
        "reconcileIntervalSeconds": 3600,
        "isPaused": False,
        "pause": None,
    }
    assert api.ok("GET", SESSION, token=READ_TOKEN)["role"] == "read"
    assert api.call("GET", SESSION, token="wrong")[0] == 401


def test_a_token_has_a_name_and_an_end(api, tmp_path):
    """An entry may name its token, which the session shows, and end it at a time."""
    end = (api.clock.now() + timedelta(seconds=60)).isoformat()
    past = (api.clock.now() - timedelta(seconds=1)).isoformat()
    entries = [
        {"sha256": sha("mia"), "name": "mia", "expiresAt": end},
        {"sha256": sha("old"), "name": "old", "expiresAt": past},
    ]
    held = tmp_path / "credentials.json"
    held.write_text(json.dumps({**api.credentials, "apiTokenHashes": entries}))
    app = api.make_app(CREDENTIALS_SECRET_OCID="", CREDENTIALS_FILE=str(held))
    assert api.ok("GET", SESSION, token="mia", app=app)["name"] == "mia"
    status, answer = api.call("GET", SESSION, token="old", app=app)
    assert (status, answer["message"]) == (401, "The API token has expired.")


def test_the_list_shows_all_projects(api):
    """Without a projectId the list shows the syncs of every project."""
    row = api.create()
    api.store("secret-syncs/other/a.json", body(name="a", projectId="other"))
    for path in (SYNCS, "/api/v1/secret-syncs"):
        names = [one["name"] for one in api.ok("GET", path)["secretSyncs"]]
        assert sorted(names) == ["a", "payments"]
    assert api.ok("GET", SYNCS, projectId=PROJECT)["secretSyncs"] == [row]


def test_projects_come_from_the_source(api):
    """The projects are those that the source lists, with environments, and those that have syncs."""
    api.store("secret-syncs/gone/a.json", body(projectId="gone"))
    environments = [{"slug": slug, "name": slug} for slug in ("dev", "prod")]
    assert api.ok("GET", PROJECTS)["projects"] == [
        {"id": PROJECT, "name": PROJECT, "environments": environments},
        {"id": "gone", "name": None, "environments": None},
    ]


def test_a_read_token_sees_projects_of_syncs_only(api):
    """A token that may only read is shown no more of the source than the syncs show."""
    api.create()
    shown = {"id": PROJECT, "name": None, "environments": None}
    assert api.ok("GET", PROJECTS, token=READ_TOKEN)["projects"] == [shown]
    path = f"{PROJECTS}/{PROJECT}/folders"
    assert api.call("GET", path, token=READ_TOKEN, environment="dev")[0] == 403


def test_folders_can_be_chosen(api):
    """The folders below a path are listed, and whether it holds secrets itself."""
    api.source.set("dev", "/api/v2", "KEY", "x")
    api.source.add_folder("dev", "/empty")
    path = f"{PROJECTS}/{PROJECT}/folders"
    found = api.ok("GET", path, environment="dev", path="/")
    assert found == {"folders": [{"path": "/api"}, {"path": "/empty"}], "hasSecrets": False}
    found = api.ok("GET", path, environment="dev", path="/api/")
    assert found == {"folders": [{"path": "/api/v2"}], "hasSecrets": True}


@pytest.mark.parametrize(
    ("project", "environment", "path", "named"),
    [
        ("nowhere", "dev", "/api", "projectId"),
        (PROJECT, "qa", "/api", "this environment"),
        (PROJECT, "dev", "/nowhere", "secretPath"),
    ],
)
def test_what_is_missing_is_named(api, project, environment, path, named):
    """Where a folder is not there, the answer says if project, environment or path are missing."""
    where = {"environment": environment, "path": path}
    status, answer = api.call("GET", f"{PROJECTS}/{project}/folders", **where)
    assert status == 404
    assert named in answer["message"]
    config = body(projectId=project, environment=environment, secretPath=path)
    status, answer = api.call("POST", SYNCS, config)
    assert status == 400
    assert named in answer["message"]


@pytest.mark.parametrize(
    ("project", "environment", "path"),
    [
        ("..", "dev", "/"),
        ("%2e%2e%2forgs", "dev", "/"),
        ("a%20b", "dev", "/"),
        (PROJECT, "..", "/"),
        (PROJECT, "dev", "/../prod"),
        (PROJECT, "dev", "api"),
    ],
)
def test_no_way_leads_out_of_a_project(api, project, environment, path):
    """What is no id, slug or path is 422, and the source is not asked."""
    api.infisical.calls.clear()
    where = {"environment": environment, "path": path}
    assert api.call("GET", f"{PROJECTS}/{project}/folders", **where)[0] == 422
    assert api.infisical.calls == []


def test_hanzo_kms_has_no_folders(api):
    """A source without folders says so: the path must be typed."""
    app = api.make_app(SOURCE_KIND="hanzo-kms")
    path = f"{PROJECTS}/{PROJECT}/folders"
    assert api.call("GET", path, environment="dev", app=app)[0] == 501
    assert api.ok("GET", PROJECTS, app=app)["projects"] == []
