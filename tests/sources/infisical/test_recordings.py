"""What a real server answered, replayed to the adapter."""

import json
from collections import Counter
from pathlib import Path

import pytest

from functions.errors import (
    Forbidden,
    Refused,
    SourceMissing,
    SyncError,
    Temporary,
    Throttled,
    Unauthorized,
)
from functions.plan.models import Folder
from functions.sources import connect
from infra.local.http import Answer, Server
from tests.support.infisical import CREDENTIALS, FakeClock, gate, half, values

LOGIN, LIST = "/api/v1/auth/universal-auth/login", "/api/v3/secrets/raw"
RECORDINGS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[2] / "recordings/infisical").glob("*.json"))
}
FAILURES = {
    "003-login-unknown-client-id": Unauthorized,
    "005-login-bad-secret": Unauthorized,
    "007-login-missing-field": Refused,
    "009-login-malformed-json": Temporary,
    "017-login-client-secret-expired": Unauthorized,
    "019-token-malformed": Unauthorized,
    "026-token-expired-jwt": Unauthorized,
    "029-token-ttl-expired": Unauthorized,
    "053-list-nonexistent-path": SourceMissing,
    "055-list-nonexistent-path-recursive": SourceMissing,
    "058-list-nonexistent-environment": SourceMissing,
    "059-list-nonexistent-environment-recursive": SourceMissing,
    "062-list-unknown-project": SourceMissing,
    "070-list-invalid-boolean": Refused,
    "074-list-no-access-role": Forbidden,
    "076-list-not-a-member": Forbidden,
    "085-scoped-list-forbidden-folder": Forbidden,
    "276-ratelimit-list-41st-request": Throttled,
    "288-ratelimit-login-after-201": Throttled,
}
ENVIRONMENTS = {"workspace": {"environments": [{"slug": "dev"}, {"slug": "staging"}]}}
NOTHING = Answer(200, {"secrets": [], "imports": []})
ANSWERS = {
    "/api/v1/auth/universal-auth": Answer(200, {"accessToken": "t0ken", "expiresIn": 60}),
    "/api/v1/workspace": Answer(200, ENVIRONMENTS),
    "/api/v3/secrets": NOTHING,
}
LEAKED = {True: {"IN_AB"}, False: set()}
FOLDERS = {"/": ["my-secrets", "a", "ab", "empty", "shared", "rec"], "/a": ["b"]}


class Replay:
    """A server of 2024 that gives one recorded answer."""

    def __init__(self, recording):
        self.recording = recording
        self.calls = Counter()

    def __call__(self, request):
        self.calls[request.path] += 1
        query, asked = request.query, self.recording["request"]
        if request.path == asked["path"]:
            other = (query.get("recursive"), asked["query"].get("recursive")) == ("false", "true")
            answer = self.recording["response"]
            return NOTHING if other else Answer(answer["status"], answer["body"], answer["headers"])
        if request.path == "/api/v1/folders":
            names = FOLDERS.get(query["path"], [])
            return Answer(200, {"folders": [{"name": name} for name in names]})
        missing = f"Route {request.method}:{request.path} not found"
        body = {"message": missing, "error": "Not Found", "statusCode": 404}
        return ANSWERS.get(request.path.rpartition("/")[0], Answer(404, body))


@pytest.fixture
def replay():
    """Read the folder that was asked for in the recording."""
    servers = []

    def run(recording, *, sub_folders=False):
        handler = Replay(recording)
        servers.append(Server(handler))
        clock = FakeClock()
        source = connect("infisical", servers[-1].url, lambda _renew: CREDENTIALS, clock, half)(
            gate(clock, 20)
        )
        query = recording["request"]["query"]
        folder = Folder(
            query.get("workspaceId", "p"),
            query.get("environment", "dev"),
            query.get("secretPath", "/a"),
        )
        return handler, lambda: source.read(folder, sub_folders=sub_folders)

    yield run
    for server in servers:
        server.stop()


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording(name, replay):
    """Every recorded answer becomes secrets or an error of ours that names the call, never a crash."""
    recording = RECORDINGS[name]
    recursive = recording["request"]["query"].get("recursive") == "true"
    handler, read = replay(recording, sub_folders=recursive)
    if name in FAILURES:
        with pytest.raises(FAILURES[name]) as failure:
            read()
        assert "t0ken" not in str(failure.value)
        assert CREDENTIALS.client_secret.get_secret_value() not in str(failure.value)
        assert handler.calls[LOGIN] <= 2 or issubclass(FAILURES[name], Temporary)
        return
    if recording["response"]["status"] >= 400 and recording["request"]["path"] in (LIST, LOGIN):
        with pytest.raises(SyncError):
            read()
        return
    result = read()
    if recording["request"]["path"] == LIST:
        body = recording["response"]["body"]
        blocks = [body, *body.get("imports", ())]
        keys = {row["secretKey"] for block in blocks for row in block["secrets"]}
        assert set(values(result)) | set(result.errors) == keys - LEAKED[recursive]


def test_prefix_leak(replay):
    """The recorded recursive list of /a also answers for /ab, which is not a sub-folder."""
    _, read = replay(RECORDINGS["044-list-a-recursive-prefix-leak"], sub_folders=True)
    assert set(values(read())) == {"IN_A", "IN_B", "IN_DEEP"}


def test_references_of_a_real_folder(replay):
    """References are expanded here, also where the server would have mangled or left them."""
    _, read = replay(RECORDINGS["046-list-my-secrets"])
    assert values(read()) == {
        "KEY": "value-of-key",
        "CHAIN_2": "two-value-of-key",
        "DOLLAR": "a$&b$$c$1d",
        "EMPTY_TARGET": "",
    }
