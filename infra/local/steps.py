"""What a person may try on the running stack: links, tokens, commands."""

import json
from collections.abc import Iterator

import urllib3
from rich.console import Console

from infra.local import demo
from infra.local.stack import Stack

SYNCS = "/api/v1/secret-syncs/oci-vault"


def show_what_to_try(console: Console, stack: Stack) -> None:
    """Print the next steps, ready to be pasted."""
    console.print("[bold]Open the web console[/], and sign in with this token:\n")
    console.print(f"    {stack.gateway.url}/console", f"    {stack.api_token}\n", sep="\n")
    for title, commands in _steps(stack):
        console.print(f"[bold]{title}[/]\n")
        for command in commands:
            console.print(f"    {command}", markup=False, soft_wrap=True)
        console.print()
    console.print("What the function writes and refuses is shown here. Ctrl-C ends it all.\n")


def _steps(stack: Stack) -> Iterator[tuple[str, list[str]]]:
    place = {"projectId": demo.PROJECT_ID, "environment": demo.ENVIRONMENT}
    folder = {**place, "secretPath": demo.FOLDER}
    keys = [{"secretKey": key} for key in demo.OWN_KEYS]
    yield (
        "Or use the client (docs/client.md), and the secret manager's API. First, who they are:",
        [
            f"export VAULTSYNC_URL={stack.gateway.url} VAULTSYNC_TOKEN={stack.api_token}",
            f"SOURCE={stack.source_url} TOKEN={_source_token(stack)}",
            "JSON='Content-Type: application/json'",
            'source() { curl -sS -H "Authorization: Bearer $TOKEN" -H "$JSON" "$@"; }',
        ],
    )
    yield (
        "Change a secret, and watch it arrive here:",
        [_source("PATCH", "v4/secrets/STRIPE_API_KEY", {**folder, "secretValue": "rotated"})],
    )
    yield (
        f"Delete {len(keys)} keys: a guard stops the sync. Look at the plan, then force it:",
        [
            _source("DELETE", "v4/secrets/batch", {**folder, "secrets": keys}),
            f"cli/vaultsync.py plan {demo.SYNC_NAME}",
            f"cli/vaultsync.py sync {demo.SYNC_NAME} --force <fingerprint of that plan>",
        ],
    )
    yield (
        "Make a folder for a sync of your own, and delete one:",
        [
            _source("POST", "v2/folders", {**place, "path": "/", "name": "mine"}),
            _source("DELETE", "v2/folders/mine", {**place, "path": "/"}),
        ],
    )
    yield (
        "Schedule the deletion of what the sync wrote, and delete the sync:",
        [
            f"cli/vaultsync.py remove {demo.SYNC_NAME} --yes",
            (
                'curl -X DELETE -H "Authorization: Bearer $VAULTSYNC_TOKEN" '
                f"$VAULTSYNC_URL{SYNCS}/{_sync_id(stack)}"
            ),
        ],
    )


def _source(method: str, path: str, body: object) -> str:
    return f"source -X {method} $SOURCE/api/{path} -d '{json.dumps(body)}'"


def _source_token(stack: Stack) -> str:
    login = {
        "clientId": stack.infisical.client_id,
        "clientSecret": stack.infisical.client_secret,
    }
    url = f"{stack.source_url}/api/v1/auth/universal-auth/login"
    token: str = urllib3.request("POST", url, json=login).json()["accessToken"]
    return token


def _sync_id(stack: Stack) -> str:
    url = f"{stack.gateway.url}{SYNCS}?projectId={demo.PROJECT_ID}"
    headers = {"Authorization": f"Bearer {stack.api_token}"}
    rows = urllib3.request("GET", url, headers=headers).json()["secretSyncs"]
    identity: str = next(row["id"] for row in rows if row["name"] == demo.SYNC_NAME)
    return identity
