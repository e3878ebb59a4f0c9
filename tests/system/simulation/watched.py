"""The ports as one run has them: what it sees is noted, what it does is judged."""

from functools import partial

from functions.plan.models import State
from functions.plan.sync_config import PREFIX, sync_id
from functions.state.status_document import status_object
from tests.system.simulation.documents import status_in


class WatchedStore:
    """The config store as one process has it."""

    def __init__(self, store, process, auditor):
        self._store = store
        self._process = process
        self._auditor = auditor

    def __getattr__(self, operation):
        return getattr(self._store, operation)

    def get(self, name, **how):
        stored = self._store.get(name, **how)
        self._process.seen[name, stored and stored.etag] = self._process.monotonic()
        if name.startswith("memory/") and self._process.view:
            about = name.replace("memory/", "status/", 1)
            self._process.view.remembered_at = self._auditor.turns.now(about)
        return stored

    def put(self, name, body, **how):
        before = self._store.get(name)
        etag = self._store.put(name, body, **how)
        if name.startswith("status/"):
            known = before and status_in(before.body)
            self._auditor.saw_status(self._process.view, name, known, status_in(body))
        if name.startswith("memory/"):
            self._auditor.holds.remembered(name.replace("memory/", PREFIX, 1), body)
        return etag

    def delete(self, name, **how):
        self._store.delete(name, **how)
        if name.startswith(PREFIX):
            self._auditor.gone_at[name] = self._store.clock.now()
        if name.startswith("status/"):
            config = name.replace("status/", PREFIX, 1)
            self._auditor.lost(config, sync_id(self._store.url, config))


class WatchedSource:
    """The source as one run has it."""

    def __init__(self, source, view, auditor):
        self._source = source
        self._view = view
        self._auditor = auditor

    def __getattr__(self, operation):
        return getattr(self._source, operation)

    def read(self, folder, **how):
        answer = self._source.read(folder, **how)
        self._auditor.saw_source(self._view, folder, answer, below=how["sub_folders"])
        return answer

    def write(self, folder, values, *, replace):
        self._auditor.before_import(self._view, values)
        refused = self._source.write(folder, values, replace=replace)
        self._auditor.after_import(self._view, values, refused)
        return refused


class WatchedVault:
    """The vault as one run has it; its listings may be stale."""

    def __init__(self, vault, view, auditor, staleness):
        self._vault = vault
        self._view = view
        self._auditor = auditor
        self._staleness = staleness

    def __getattr__(self, operation):
        return getattr(self._vault, operation)

    def list(self):
        self._auditor.vault.list_staleness_seconds = self._staleness()
        self._view.listing = self._vault.list()
        self._view.saw_vault_at = self._auditor.turns.now(
            status_object(self._view.sync.object_name)
        )
        self._view.is_applying = False
        self._view.listed_at = self._auditor.vault.clock.monotonic()
        return self._view.listing

    def find(self, name):
        self._auditor.vault.list_staleness_seconds = self._staleness()
        return self._note(name, self._vault.find(name))

    def get(self, secret_id):
        secret = self._vault.get(secret_id)
        return self._note(secret.name, secret)

    def _note(self, name, secret):
        """Take what was looked up before the plan into what the plan knows."""
        if not self._view.is_applying:
            home = self._view.sync.config.destination_config.compartment_ocid
            is_ours = secret is not None and secret.compartment_id == home
            others = [
                row for row in self._view.listing if row.name != name or row.state == State.DELETED
            ]
            self._view.listing = [*others, secret] if is_ours else others
        return secret

    def create(self, name, value, tags, token):
        is_repeated = token in self._vault._tokens
        write = partial(self._vault.create, name, value, tags, token)
        return write() if is_repeated else self._write("create", name, write, value)

    def update(self, secret, value, tags):
        write = partial(self._vault.update, secret, value, tags)
        return self._write("update", secret.name, write, value)

    def promote(self, secret, value, tags):
        write = partial(self._vault.promote, secret, value, tags)
        return self._write("promote", secret.name, write, value)

    def tag(self, secret, tags):
        return self._write("tag", secret.name, partial(self._vault.tag, secret, tags))

    def restore(self, secret):
        return self._write("restore", secret.name, partial(self._vault.restore, secret))

    def schedule_deletion(self, secret, when, **how):
        write = partial(self._vault.schedule_deletion, secret, when, **how)
        return self._write("schedule_deletion", secret.name, write)

    def _write(self, operation, name, write, value=None):
        self._view.is_applying = True
        faults = self._auditor.judge(self._view, operation, name, value)
        answer = write()
        if answer is not False:
            self._auditor.written(self._view, operation, name, faults)
        return answer
