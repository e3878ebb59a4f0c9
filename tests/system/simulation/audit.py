"""What must hold at every moment: each effect on the vault and the source is judged as it happens."""

from datetime import timedelta
from functools import cached_property

from pydantic import SecretBytes

from functions.plan.models import BLOCKING, State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from functions.plan.sync_config import BlockingScope
from functions.state.memory import Memory, memory_object
from functions.state.status import parse_status
from functions.state.status_document import status_object
from tests.system.simulation.provenance import (
    config_of,
    held_keys,
    remembered,
    unproven_references,
)
from tests.system.simulation.turns import Turns

COMPARTMENT = "ocid1.compartment.oc1..simulated"
NOTICE = timedelta(seconds=45)
"""A run looks at its config every 15 s, starts no call 30 s later, and a call takes 10 s at most."""


class Violation(BaseException):
    """The code did what it must never do. No handler of the code itself may swallow this."""


def rendered(schema, key):
    """Return the vault name of a key, worked out apart from the code under test."""
    return (schema or "{{secretKey}}").replace("{{secretKey}}", key)


def in_scope(schema, name):
    """Say whether a vault name fits a key schema."""
    prefix, _, suffix = (schema or "{{secretKey}}").partition("{{secretKey}}")
    return name.startswith(prefix) and name.endswith(suffix)


class View:
    """What one run saw last of both sides; `sync` is known when it opens the vault."""

    def __init__(self, process):
        self.process = process
        self.sync = None
        self.turn = 0
        self.read_at = self.saw_vault_at = self.remembered_at = -1
        """The numbers of the status that was there when source, vault and memory were read last."""
        self.counts_from = self.lease_counts_from = 0
        """From which status on what it read counts; for the memory, which only the lease guards, the second."""
        self.began_at = None
        self.revision = -1
        self.answer = None
        self.known = {}
        """What the sync knew of keys when it read the source."""
        self.lost = frozenset()
        """Keys that what was answered must not change."""
        self.reappeared = -1
        self.listing = ()
        self.listed_at = 0.0
        self.is_applying = False
        """Whether its plan is made: what it looks up from then on changes nothing of that."""

    @property
    def options(self):
        return self.sync.config.sync_options

    @cached_property
    def values(self):
        """Return what the vault should hold."""
        return {
            rendered(self.options.key_schema, secret.key): secret.value.get_secret_value().encode()
            for secret in self.answer.secrets
            if secret.value.get_secret_value() and " " not in secret.key
        }

    @property
    def secrets(self):
        """Return what the source answered, by name."""
        schema = self.options.key_schema
        return {rendered(schema, secret.key): secret for secret in self.answer.secrets}

    @property
    def lost_names(self):
        """Return the names of keys that stay because what gave them hides."""
        return {rendered(self.options.key_schema, key) for key in self.lost}

    @property
    def erroneous(self):
        """Return the names of keys that have no value that the vault would take: an error, no deletion."""
        refused = {secret.key for secret in self.answer.secrets if " " in secret.key}
        schema = self.options.key_schema
        return {rendered(schema, key) for key in refused | self.answer.errors.keys()}

    @cached_property
    def kept(self):
        """Return the names that must stay as they are: no value is known that the vault would take."""
        return self.erroneous | self.lost_names

    def scoped(self, name):
        return in_scope(self.options.key_schema, name)


class Auditor:
    """Knows the true state of everything, and the rules."""

    def __init__(self, vault, secrets, source, store, trace):
        self.vault = vault
        self.secrets = secrets
        self.source = source
        self.store = store
        self.protected = frozenset()
        self.is_forced = False
        self.writes = 0
        self.turns = Turns()
        self._trace = trace
        self._newest = {}
        self._deleted = set()

    def saw_source(self, view, folder, answer):
        view.answer = answer
        vars(view).pop("values", None)
        vars(view).pop("kept", None)
        view.revision = self.source.revision
        if view.read_at < view.lease_counts_from:  # nothing that counts was read before
            view.began_at = self.vault.clock.now()
        view.known = remembered(self.store, folder).keys
        view.lost = held_keys(self.source, folder, answer, view.known)
        view.reappeared = self.source.reappeared
        view.read_at = self.turns.now(status_object(config_of(folder)))

    def saw_status(self, view, name, before, after):
        """Note a write to a status, and judge the end of a run that it may tell of."""
        if self.turns.ends_unseen(before, after):
            raise Violation(f"{name}: a run ends by a look that does not count")
        self.turns.written(view, name, before, after)

    def judge(self, view, operation, name, value=None):
        """Return what is wrong with a write to the vault that is about to take effect."""
        held = self.holder(name)
        blocking = [s.name for s in index(view.listing).values() if self._blocks(view, s)]
        faults = {
            "it is out of scope": not view.scoped(name),
            "a newer run is on": view.turn != self.turns.turn(status_object(view.sync.object_name)),
            "its look does not count": min(view.read_at, view.saw_vault_at) < view.counts_from
            or view.remembered_at < view.lease_counts_from,
            "it is somebody else's": held is not None and not self.touchable(view, held),
            f"{blocking} block": bool(blocking),
            "too many deletions were planned": not self.is_forced and self.would_stop(view),
            "the value is not that of the source": value not in (None, view.values.get(name)),
            "the config was changed long ago": self._follows_old_config(view),
            "the config was not looked at before": not self._knows_config(view),
            "it is older than its predecessor": view.revision
            < self._newest.get((view.sync.id, name), -1),
            "what gave it hides": not self.is_forced and self._is_lost(view, operation, name),
            "a reference is not there": not self.is_forced
            and self._is_unproven(view, operation, name),
        }
        if operation == "schedule_deletion":
            faults |= {
                "it is wanted": name in view.values,
                "a wider scope holds it": not self.is_forced and name in self.strangers(view),
                "its value is unknown": name in view.erroneous,
                "deletions are disabled": view.options.disable_secret_deletion,
            }
        else:
            faults["it is not wanted"] = name not in view.values
            faults["nobody will know who gave it"] = self._is_forgotten(view, operation, name)
        if operation in ("update", "promote"):
            faults["it was not read"] = self._is_unknown(view, held)
        return [fault for fault, holds in faults.items() if holds]

    def written(self, view, operation, name, faults):
        """Note a write that took effect."""
        self._trace(f"    {operation} {name}: turn {view.turn}, source revision {view.revision}")
        if faults:
            raise Violation(f"{operation} {name}: {'; '.join(faults)}")
        self.writes += 1
        self._newest[view.sync.id, name] = view.revision
        if operation == "schedule_deletion" and not self.is_forced:
            self._deleted.add((view.sync.id, name))
        elif operation == "restore":
            self._deleted.discard((view.sync.id, name))

    def before_import(self, view, values):
        """Judge a write to the source."""
        stored = self.store.get(status_object(view.sync.object_name))
        status = parse_status(stored.body) if stored else None
        if status is None or status.is_import_done:
            raise Violation("an import is repeated")
        for key, value in values.items():
            name = rendered(view.options.key_schema, key)
            held = self.holder(name)
            if held is None or value.encode() not in {v.content for v in held.versions.values()}:
                raise Violation(f"import of {key}: the vault never held this")

    def _is_unknown(self, view, secret):
        """Say whether a content that nobody could read in this run is about to be replaced."""
        hidden = self.secrets.unreadable.get(secret.id)
        tags = next((row.tags for row in view.listing if row.id == secret.id), {})
        is_known = self._is_own(view, tags) and DIGEST_TAG in tags
        return hidden is not None and hidden < view.began_at and not is_known

    def _follows_old_config(self, view):
        stored, changed_at = self.store.objects[view.sync.object_name]
        since = max(changed_at, view.began_at)
        return stored.etag != view.sync.etag and self.vault.clock.now() - since > NOTICE

    def _is_lost(self, view, operation, name):
        """Say whether what was read, and what the source is still like, do not show the key's giver."""
        if operation in ("tag", "restore") or name not in view.lost_names:
            return False
        folder = view.sync.config.folder
        now = held_keys(self.source, folder, view.answer, view.known)
        is_still = view.reappeared == self.source.reappeared
        return is_still and name in {rendered(view.options.key_schema, key) for key in now}

    def _is_unproven(self, view, operation, name):
        secret = view.secrets.get(name)
        if operation not in ("update", "promote") or secret is None:
            return False
        return unproven_references(secret, view.known.get(secret.key))

    def _is_forgotten(self, view, operation, name):
        """Say whether the memory would not tell where the value came from if the run died now."""
        secret = view.secrets.get(name)
        if operation not in ("create", "update") or secret is None:
            return False
        known = remembered(self.store, view.sync.config.folder).keys.get(secret.key)
        found = {reference for reference, place in secret.references.items() if place}
        return known is None or not found <= set(known.references or found)

    def _knows_config(self, view):
        seen_at = view.process.seen.get((view.sync.object_name, view.sync.etag), -1)
        return seen_at >= view.listed_at

    def truth(self, sync):
        """Return both sides of a sync as they are."""
        view = View(None)
        view.sync = sync
        folder = sync.config.folder
        self.saw_source(view, folder, self.source.read(folder, sub_folders=False))
        self.vault.list_staleness_seconds = 0.0
        view.listing = self.secrets.list()
        return view

    def holder(self, name):
        return self.vault.holder(self.vault._defaults["vaultId"], name)

    def touchable(self, view, secret):
        """Say whether a secret's owner and kind leave it to this sync."""
        now = self.vault.clock.now()
        facts = secret.fact(now)
        owner = facts["freeformTags"].get(OWNER_TAG, str(view.sync.id))
        foreign = owner != str(view.sync.id) and owner in self.existing_sync_ids()
        elsewhere = facts["compartmentId"] != view.sync.config.destination_config.compartment_ocid
        return not (facts.get("isReplica") or foreign or elsewhere or secret.id in self.protected)

    def _blocks(self, view, secret):
        anywhere = view.options.blocking_scope == BlockingScope.VAULT
        return secret.state in BLOCKING and (anywhere or view.scoped(secret.name))

    def would_stop(self, view, *, at_most=False):
        """Say whether so much would be deleted that a guard must stop the run, or `at_most` may."""
        if view.options.disable_secret_deletion:
            return False
        # What was asked for lately may have been proven to be gone by a run that asks for all.
        asked = [self.asked_lately(view), *([set()] if at_most else [])]
        return any(self._stops(view, names, at_most=at_most) for names in asked)

    def _stops(self, view, asked, *, at_most):
        held = self.unimported(view) | view.lost_names | self.strangers(view) | asked
        held = held - view.values.keys() - view.erroneous
        standing = {
            name: secret
            for name, secret in index(view.listing).items()
            if secret.state == State.ACTIVE
            and name not in held
            and view.scoped(name)
            and self.touchable(view, self.vault.secrets[secret.id])
        }
        own = {n for n, secret in standing.items() if self._is_own(view, secret.tags)}
        doomed = standing.keys() - view.values.keys() - view.kept
        lately = self._waiting_to_go(view, at_most=at_most)
        if doomed and not view.values and not view.kept:
            return True
        return any(self._is_flood(view, doomed, group, lately) for group in (set(standing), own))

    def strangers(self, view):
        """Return the names that the sync never wrote, where it may delete only since an edit."""
        stored = self.store.get(status_object(view.sync.object_name))
        status = parse_status(stored.body) if stored else None
        if status is None or status.scope is None or status.scope.is_deleting:
            return set()
        known = {rendered(view.options.key_schema, key) for key in self._memory(view).keys}
        tagged = {row.name for row in view.listing if self._is_own(view, row.tags)}
        return index(view.listing).keys() - known - tagged

    def _memory(self, view):
        stored = self.store.get(memory_object(view.sync.object_name))
        return Memory.model_validate_json(stored.body) if stored else Memory()

    def asked_lately(self, view):
        """Return the names that events leave as they are, as their giver hid ten minutes ago."""
        memory = remembered(self.store, view.sync.config.folder)
        places = {*memory.asked, None} if "any place" in memory.asked else set(memory.asked)
        return {
            rendered(view.options.key_schema, key)
            for key, known in memory.keys.items()
            if known.origin in places
            or any(f"import {place}" in places for place in (known.references or {}).values())
        }

    def unimported(self, view):
        """Return the names that stay as they are, as an import could not bring them into the source."""
        pending = self._memory(view).import_pending
        return {name for name, one in pending.items() if self._is_held(view, name, one)}

    def _is_held(self, view, name, pending):
        """Say whether the source's value is missing, or what it was when the import was refused."""
        if name not in view.values:
            return True
        now = self.digests.of(
            view.sync.config.destination_config.vault_ocid, name, SecretBytes(view.values[name])
        )
        return pending.was_in_source and pending.digest in (None, now)

    def _is_flood(self, view, doomed, group, lately):
        going, total = (doomed & group) | lately, len(group | lately)
        guard = view.options.deletion_guard
        percent, least = (guard.max_percent, guard.min_count) if guard else (30, 4)
        share = percent if total >= 10 else max(50, percent)
        return bool(doomed & group) and len(going) >= least and len(going) * 100 > share * total

    def _waiting_to_go(self, view, *, at_most):
        """Return the names of own secrets that the sync deleted unforced, or `at_most` anybody."""
        return {
            name
            for name, secret in index(view.listing).items()
            if secret.state == State.PENDING_DELETION
            and self._is_own(view, secret.tags)
            and view.scoped(name)
            and name not in view.values
            and (at_most or (view.sync.id, name) in self._deleted)
        }

    def _is_own(self, view, tags):
        return tags.get(OWNER_TAG) == str(view.sync.id)


def index(listing):
    """Return the secret that counts for each name."""
    found = {}
    for secret in listing:
        if secret.state != State.DELETED and (
            secret.name not in found or secret.state == State.ACTIVE
        ):
            found[secret.name] = secret
    return found
