"""What must hold at every moment: each effect on the vault and the source is judged as it happens."""

from datetime import timedelta

from pydantic import SecretBytes

from functions.plan.models import BLOCKING, State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from functions.plan.scope import NOWHERE
from functions.plan.sync_config import BlockingScope, InitialSync, parse_sync
from functions.state.status import Phase
from functions.state.status_document import status_object
from tests.system.simulation.claims import Claims, covers, permitted_scope, place_of
from tests.system.simulation.documents import memory_of, status_of
from tests.system.simulation.holds import Holds
from tests.system.simulation.provenance import (
    config_of,
    held_keys,
    remembered,
    unproven_references,
)
from tests.system.simulation.turns import Turns
from tests.system.simulation.view import View

COMPARTMENT = "ocid1.compartment.oc1..simulated"
NOTICE = timedelta(seconds=45)
"""A run looks at its config every 15 s, starts no call 30 s later, and a call takes 10 s at most."""


class Violation(BaseException):
    """The code did what it must never do. No handler of the code itself may swallow this."""


class Auditor:
    """Knows the true state of everything, and the rules."""

    def __init__(self, vault, places, source, store, trace):
        self.vault = vault
        self.places = places
        self.source = source
        self.store = store
        self.protected = frozenset()
        self.is_forced = False
        self.writes = 0
        self.turns = Turns()
        self._trace = trace
        self._newest = {}
        self._deleted = set()
        self.holds = Holds()
        self.claims = Claims(vault, store)
        self.cleanups = set()
        """The configs of syncs for which a cleanup was asked."""
        self.gone_at = {}
        """When configs were deleted."""
        self.losses = set()
        """The configs of syncs whose status was deleted."""

    def saw_source(self, view, folder, answer, *, below):
        view.answer = answer
        vars(view).pop("values", None)
        vars(view).pop("kept", None)
        view.revision = self.source.revision
        if view.read_at < view.lease_counts_from:  # nothing that counts was read before
            view.began_at = self.vault.clock.now()
        view.below = below
        view.known = remembered(self.store, folder, below=below).keys
        view.lost = held_keys(self.source, folder, answer, view.known)
        view.reappeared = self.source.reappeared
        view.read_at = self.turns.now(status_object(config_of(folder)))
        if view.process:
            keys = {secret.key for secret in answer.secrets} | answer.errors.keys()
            self.holds.saw(config_of(folder), answer)
            self.claims.saw(config_of(folder), keys)

    def saw_status(self, view, name, before, after):
        """Note a write to a status, and judge the end of a run that it may tell of."""
        if self.turns.ends_unseen(before, after):
            raise Violation(f"{name}: a run ends by a look that does not count")
        self.turns.written(view, name, before, after)
        if view and after and after.import_.status == Phase.RUNNING:
            view.is_import = True

    def judge(self, view, operation, name, value=None):
        """Return what is wrong with a write to the vault that is about to take effect."""
        if view.answer is None:
            return self._judge_cleanup(view, operation, name)
        held = self.holder(view, name)
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
            "an import left it open": not self.is_forced
            and self.holds.is_held(view, operation, name),
            "an edit brought it into the scope": self._is_new(view, operation, name),
        }
        if operation == "schedule_deletion":
            faults |= {
                "it is wanted": name in view.values,
                "a wider scope holds it": not self.is_forced and name in self.strangers(view),
                "its value is unknown": name in view.erroneous,
                "it was never imported": not self.is_forced
                and self.claims.is_owed(view, operation, held),
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

    def _judge_cleanup(self, view, operation, name):
        """Return what is wrong with a write of a job that asked the source for nothing."""
        stored, _ = self.store.objects.get(view.sync.object_name, (None, None))
        held = self.holder(view, name)
        is_same = stored is not None and stored.etag == view.sync.etag
        here = is_same and place_of(
            parse_sync(self.store.url, view.sync.object_name, stored.etag, stored.body).config
        )
        faults = {
            "it is no deletion": operation != "schedule_deletion",
            "nobody asked for it": view.sync.object_name not in self.cleanups,
            "it has not the tag of the sync": not self._is_own(view, self._seen_tags(view, held)),
            "it is somebody else's": not self.touchable(view, held),
            "it is in scope": here == place_of(view.sync.config) and view.scoped(name),
        }
        return [fault for fault, holds in faults.items() if holds]

    def before_import(self, view, values):
        """Judge a write to the source."""
        status = self._status(view)
        # A sync that is deleted meanwhile has no status any more.
        is_asked = status.import_.status == Phase.RUNNING if status else view.is_import
        is_done = (
            status is not None
            and status.is_import_done
            and (status.scope is None or status.scope.place == place_of(view.sync.config))
        )
        if is_done and not is_asked:
            raise Violation("an import is repeated")
        for key, value in values.items():
            held = self.holder(view, view.name_of(key))
            if held is None or value.encode() not in {v.content for v in held.versions.values()}:
                raise Violation(f"import of {key}: the vault never held this")
            if not is_asked and self._is_written(view, held):
                raise Violation(f"import of {key}: the sync itself wrote it")
        self.claims.imported(view, values.keys())

    def after_import(self, view, values, refused):
        """Take over what the source said to it."""
        self.holds.answered(view, values, refused)

    def let_go(self, config):
        """Note that a person decided on all that is held for a sync."""
        self.holds.forget(config)
        self.claims.forget(config)

    def lost(self, config, sync_id):
        """Note that the status of a sync was deleted, and with it what was counted."""
        self.losses.add(config)
        self.holds.forget(config)
        self._deleted = {one for one in self._deleted if one[0] != sync_id}

    def _status(self, view):
        return status_of(self.store, view.sync.object_name)

    def _seen_tags(self, view, secret):
        return next((row.tags for row in view.listing if row.id == secret.id), {})

    def _is_written(self, view, secret):
        tags = self._seen_tags(view, secret)
        return self._is_own(view, tags) and DIGEST_TAG in tags

    def _is_new(self, view, operation, name):
        """Say whether an edit brought it into the scope, and the sync never held it equal since."""
        held = self.holder(view, name)
        if (
            self.is_forced
            or held is None
            or not self.claims.is_new(view, operation, held, self._status(view))
        ):
            return False
        is_own = self._is_own(view, self._seen_tags(view, held))
        return not is_own and name not in self._known(view)

    def _known(self, view):
        """Return the names that held what the source says where the sync may act since."""
        permitted = permitted_scope(self._status(view), has_tags=False)
        known = map(view.name_of, self._memory(view).keys)
        return {n for n in known if permitted is None or covers(permitted, view.sync.config, n)}

    def _is_unknown(self, view, secret):
        """Say whether a content that nobody could read in this run is about to be replaced."""
        hidden = self.place(view).unreadable.get(secret.id)
        is_known = self._is_written(view, secret)
        return hidden is not None and hidden < view.began_at and not is_known

    def _follows_old_config(self, view):
        config = view.sync.object_name
        stored, changed_at = self.store.objects.get(config, (None, self.gone_at.get(config)))
        is_same = stored is not None and stored.etag == view.sync.etag
        return not is_same and self.vault.clock.now() - max(changed_at, view.began_at) > NOTICE

    def _is_lost(self, view, operation, name):
        """Say whether what was read, and what the source is still like, do not show the key's giver."""
        if operation in ("tag", "restore") or name not in view.lost_names:
            return False
        folder = view.sync.config.folder
        now = held_keys(self.source, folder, view.answer, view.known)
        is_still = view.reappeared == self.source.reappeared
        return is_still and name in set(map(view.name_of, now))

    def _is_unproven(self, view, operation, name):
        secret = view.secrets.get(name)
        if operation not in ("update", "promote") or secret is None:
            return False
        return unproven_references(secret, view.known.get(secret.key))

    def unproven(self, view):
        """Return the names that stay as a reference leads nowhere, and nobody knows whether it ever did."""
        standing = {row.name for row in view.listing if row.state == State.ACTIVE}
        return {
            name
            for name, secret in view.secrets.items()
            if name in standing and unproven_references(secret, view.known.get(secret.key))
        }

    def _is_forgotten(self, view, operation, name):
        """Say whether the memory would not tell where the value came from if the run died now."""
        secret, gone_at = view.secrets.get(name), self.gone_at.get(view.sync.object_name)
        is_deleted = gone_at is not None and gone_at >= view.began_at
        if operation not in ("create", "update") or secret is None or is_deleted:
            return False
        known = self._memory(view).keys.get(secret.key)
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
        below = view.options.include_all_sub_folders
        self.saw_source(view, folder, self.source.read(folder, sub_folders=below), below=below)
        self.vault.list_staleness_seconds = 0.0
        view.listing = self.place(view).list()
        return view

    def place(self, view):
        return self.places[place_of(view.sync.config)]

    def holder(self, view, name):
        return self.vault.holder(view.sync.config.destination_config.vault_ocid, name)

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
        own_lately = {n for n, secret in lately.items() if self._is_own(view, secret.tags)}
        if doomed and not view.values and not view.kept:
            return True
        groups = ((set(standing), set(lately)), (own, own_lately))
        return any(self._is_flood(view, doomed, group, gone) for group, gone in groups)

    def strangers(self, view):
        """Return the names that the sync never wrote, and may delete only since an edit."""
        permitted = self._permitted(view)
        if permitted is None:
            return set()
        found = {
            row.name
            for row in index(view.listing).values()
            if not (permitted.is_deleting and covers(permitted, view.sync.config, row.name))
            and not self._is_own(view, row.tags)
        }
        return found - self._known(view) if found else found

    def unimported_strangers(self, view):
        """Return the names that the sync never wrote, and may change only since an edit."""
        permitted = self._permitted(view)
        imports = view.options.initial_sync_behavior != InitialSync.OVERWRITE
        if permitted is None or not (imports or permitted == NOWHERE):
            return set()
        return {
            name
            for name in self.strangers(view) & view.values.keys()
            if not covers(permitted, view.sync.config, name)
            and index(view.listing)[name].state == State.ACTIVE
            and self.touchable(view, self.holder(view, name))
        }

    def _permitted(self, view):
        has_tags = any(self._is_own(view, row.tags) for row in view.listing)
        return permitted_scope(self._status(view), has_tags=has_tags)

    def _memory(self, view):
        folder, below = view.sync.config.folder, view.options.include_all_sub_folders
        return remembered(self.store, folder, below=below)

    def asked_lately(self, view):
        """Return the names that events leave as they are, as their giver hid ten minutes ago."""
        memory = self._memory(view)
        is_any = "any place" in memory.asked
        places = {*memory.asked, None} if is_any else set(memory.asked)
        known = {
            view.name_of(key)
            for key, known in memory.keys.items()
            if known.origin in places
            or any(f"import {place}" in places for place in (known.references or {}).values())
        }
        written = {row.name for row in view.listing if self._is_own(view, row.tags)}
        return known | (written - set(map(view.name_of, memory.keys)) if is_any else set())

    def unimported(self, view):
        """Return the names that stay as they are, as an import could not bring them into the source."""
        pending = memory_of(self.store, view.sync.object_name).import_pending
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
        """Return the secrets that the sync deleted unforced, or `at_most` anybody, by name."""
        return {
            name: secret
            for name, secret in index(view.listing).items()
            if secret.state == State.PENDING_DELETION
            and view.scoped(name)
            and self.touchable(view, self.vault.secrets[secret.id])
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
