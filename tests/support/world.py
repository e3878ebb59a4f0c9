"""A running function, and what tests do to it from outside."""

import json
import re
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import urllib3
from pydantic import SecretBytes

from functions.calls.clock import SystemClock
from functions.jobs.seal import seal_fields
from functions.plan.ownership import Digests
from infra.local.buckets import PREFIX
from infra.local.host import Host
from infra.local.infisical.source import Source
from infra.local.infisical.webhooks import sign
from infra.local.oci.cloud import BUCKET, QUEUE_ID
from infra.local.oci.secret import Durations
from infra.local.services import CREDENTIALS_NAME
from infra.local.stack import ROOT, Stack
from tests.support.example_sync import PROJECT, ExampleSync
from tests.support.payloads import payload, webhook_body

CONTAINERS = 4
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 20
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


class World:
    """The whole stack, with a log that is kept and no webhook or tick but those that a test asks for."""

    def __init__(self, stack, log):
        self.stack = stack
        self.log = log
        self.cloud = stack.cloud
        self.clock = stack.clock
        self.infisical = stack.infisical
        self.source = stack.infisical.source
        self.bucket = stack.bucket
        self.queue = stack.cloud.queues.get(QUEUE_ID)
        self.digests = Digests(SecretBytes(b64decode(stack.credentials["digestKey"])))
        self.notices = stack.cloud.watch.notices
        self._http = urllib3.PoolManager(retries=False, maxsize=64)
        self.replies = []
        self._count = 0
        self.names = []
        """Of the syncs that the test made."""

    @property
    def env(self):
        """The function's config."""
        return self.stack.env

    def close(self):
        self._http.clear()
        self.stack.host.kill()  # quicker than an orderly end

    def post(self, body, headers=None, path="/webhooks/infisical", method="POST"):
        """Send an HTTP request through the gateway; return status and JSON."""
        url = self.stack.gateway.url + path
        answer = self._http.request(method, url, body=body, headers=headers or {})
        self.replies.append(answer.data)
        return answer.status, answer.json()

    def webhook(self, folder, environment="dev", **how):
        """Deliver an event of the source, signed as the source signs."""
        body, headers = self.event(folder, environment, **how)
        return self.post(body, headers)

    def event(
        self,
        folder,
        environment="dev",
        *,
        project=PROJECT,
        event="secrets.modified",
        secret=None,
        header="x-infisical-signature",
        late_seconds=0.0,
    ):
        """Return body and headers of a webhook."""
        stamp = int((self.clock.now().timestamp() - late_seconds) * 1000)
        about = {"workspaceId": project, "environment": environment, "secretPath": folder}
        body = webhook_body(timestamp=stamp, event=event, project={"projectId": project, **about})
        return body, {header: sign(body, secret or self.infisical.webhook_secret, stamp)}

    def call(self, body=b""):
        """Invoke the function directly; return the JSON answer."""
        reply = self.invoke(body)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def invoke(self, body=b""):
        """Invoke the function directly; return whatever the fdk answers."""
        given = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = self.stack.host.call(given)
        self.replies.append(reply.body)
        return reply

    def briefly(self, seconds, body):
        """Invoke the function with so much time until its deadline; return the JSON answer."""
        host = self.stack.host
        usual, host._timeout_seconds = host._timeout_seconds, seconds
        try:
            return self.call(body)
        finally:
            host._timeout_seconds = usual

    def command(self, name, sync=None, **rest):
        """Invoke the function with a command for a sync; return the JSON answer."""
        about = {"sync": str(sync.name)} if sync else {}
        return self.call({"command": name, **about, **rest})

    def tick(self):
        """Deliver the alarm's message."""
        return self.call(payload("alarm-repeat"))

    def config_event(self, name):
        """Deliver the event of a config object that was written."""
        return self.call(payload("object-updated", {"data": {"resourceName": f"{PREFIX}/{name}"}}))

    def soon(self, seconds):
        """Return a time of day so many seconds ahead."""
        return (self.clock.now() + timedelta(seconds=seconds)).isoformat()

    def age(self, seconds):
        """Make all that the function knows of the past so much older: time passes."""
        by = timedelta(seconds=seconds)
        for message in self.queue.messages:
            message.content = self._sealed_again(_older(message.content, by))
            message.visible_at -= by
        objects = self.cloud.objects._buckets[BUCKET]
        for name, stored in list(objects.items()):
            body = stored.body
            if name.startswith((f"{PREFIX}/status/", f"{PREFIX}/memory/")):
                body = _older(body.decode(errors="replace"), by).encode()
            objects[name] = replace(stored, body=body, modified=stored.modified - by)

    def _sealed_again(self, message):
        fields = json.loads(message)
        return seal_fields(fields, self.digests) if fields.pop("seal", None) else message

    def operations(self):
        """Return the names of the OCI calls since the last look, and forget them."""
        names = [call.operation for call in self.cloud.calls]
        self.cloud.reset_calls()
        return names

    def reset(self):
        """Make the world plain again: nothing queued, no fault, no sync."""
        self.cloud.faults.clear()
        self.cloud.rate_limits.clear()
        self.cloud.before = self.cloud.after = lambda _call: None
        self.cloud.reset_calls()
        self.cloud.page_size = None
        vault = self.cloud.vault
        vault.durations = Durations()
        vault.list_staleness_seconds, vault.version_limit = 0.0, 30
        vault.refuse_tags = vault.refuse_tags_with_content = False
        self.queue.messages.clear()
        self.queue.dead.clear()
        self.queue.max_deliveries = 0
        self.notices.clear()
        self.names.clear()
        self.infisical.masked = self.infisical.approvals = False
        self.infisical.forbidden.clear()
        self.infisical.rotated.clear()
        self.infisical.secret_lists.clear()
        self.infisical.secret_folders.clear()
        self.infisical.allowed, self.infisical.keeps_blocks = None, False
        self.source.environments[:] = ["dev", "staging", "prod"]
        self.infisical.hidden.clear()
        self.infisical.mistaken.clear()
        self.infisical.faults = lambda _request: None
        self.infisical.calls.clear()
        if self.bucket.env["CONFIG_STORE"].startswith("oci:"):
            kinds = ("secret-syncs/", "status/", "memory/", "verified/", "workers/", "pause.json")
            for kind in kinds:
                for name in self.cloud.objects.names(BUCKET, f"{PREFIX}/{kind}"):
                    self.cloud.objects.remove(BUCKET, name)

    def sync(self, **how):
        """Return a new sync with a folder and a vault of its own."""
        self._count += 1
        self.names.append(f"sync-{self._count}")
        return ExampleSync(self, self.names[-1], **how)

    def until(self, holds):
        """Wait until something holds."""
        give_up = self.clock.monotonic() + PATIENCE_SECONDS
        while not (found := holds()):
            assert self.clock.monotonic() < give_up, "it took too long"
            self.clock.sleep(POLL_SECONDS)
        return found


def _older(text, by):
    def shift(match):
        time = datetime.fromisoformat(match[0]) - by
        return time.isoformat().replace("+00:00", "Z")

    return _TIME.sub(shift, text)


@contextmanager
def function(world, **changes):
    """Run the function with other settings; None takes one away."""
    settings = {**world.env, **changes}
    env = {name: value for name, value in settings.items() if value is not None}
    with Host(ROOT / "functions" / "func.py", env, clock=world.clock, log=world.log.append) as host:
        yield host


@contextmanager
def running_world(**how):
    """Start a stack for tests."""
    log = []
    source = Source(PROJECT, ("dev", "prod"))
    with Stack(SystemClock(), source, log=log.append, tick_seconds=None, **how) as stack:
        stack.infisical.webhooks.url = None
        stack.host._slots = threading.BoundedSemaphore(CONTAINERS)
        world = World(stack, log)
        try:
            yield world
        finally:
            world.close()


def reads_nothing(world):
    """Say whether nothing but the credentials was read since the last look."""
    calls = [(call.operation, call.name_or_id) for call in world.cloud.calls]
    return set(calls) <= {("GetSecretBundle", CREDENTIALS_NAME)} and not world.infisical.calls
