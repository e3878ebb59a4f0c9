"""What happens in one seed: syncs, people who edit both sides, webhooks, ticks."""

import json
from datetime import timedelta
from functools import partial

from functions.core.digest import DIGEST_TAG, OWNER_TAG
from functions.core.errors import SyncError
from functions.core.models import Folder, State
from functions.ledger import LEASE_SECONDS
from functions.triggers import Command, ResourceEvent, Webhook
from infra.local.oci_secret import Durations
from tests.simulation.audit import rendered
from tests.simulation.world import COMPARTMENT, KEY, VAULT

END_SECONDS = 300.0
TICK_SECONDS = 60.0
RETRIES_SECONDS = (0.24, 0.7, 1.57)
BUCKET = {"bucketName": "bucket", "namespace": "namespace"}


class Story:
    """Draws events from the seed and lets them happen to the world.

    `by_hints`: nothing is verified but what ticks find new, so all rests on webhooks and the queue;
    then nobody alters values in the vault by hand, and no webhook is lost but by the source's own rule.
    """

    def __init__(self, world):
        self.world = world
        self.random = world.random
        self.by_hints = self.random.random() < 0.5
        self.configs = {}
        self._values = 0
        self._in_flight = {}
        self._former = {}
        seconds = 1e9 if self.by_hints else self.random.choice((0, 90, 200))
        world.interval = timedelta(seconds=seconds)
        self.keys = [f"K{number}" for number in range(self.random.randint(5, 18))]
        world.vault.version_limit = self.random.choice((30, 30, 4, 6))
        self._add_syncs()
        self._furnish()
        self._plan_events()

    def folder_of(self, name):
        return Folder("p", "dev", f"/{name}")

    def _add_syncs(self):
        names = self.random.choice((["a"], ["a"], ["a", "b"]))
        for name in names:
            schema = f"{name}-{{{{secretKey}}}}"
            if name == "a" and self.random.random() < 0.4:
                schema = (
                    None  # then the secrets of the other sync are in its scope, and not its own
                )
            self.configs[name] = {
                "name": name,
                "projectId": "p",
                "environment": "dev",
                "secretPath": f"/{name}",
                "syncOptions": {
                    "initialSyncBehavior": self._initial(len(names)),
                    "keySchema": schema,
                    "disableSecretDeletion": self.random.random() < 0.2,
                    "blockingScope": self.random.choice(("vault", "schema")),
                },
                "destinationConfig": {
                    "compartmentOcid": COMPARTMENT,
                    "vaultOcid": VAULT,
                    "keyOcid": KEY,
                },
            }
            self.save(name)
            folder, shared = self.folder_of(name), self.folder_of(f"shared-{name}")
            self.world.source.folders |= {
                folder: {k: self.value() for k in self.keys if self.random.random() < 0.8},
                shared: {f"S{n}": self.value() for n in range(3)},
            }
            if self.random.random() < 0.6:
                self.world.source.imports[folder] = [shared]

    def _initial(self, syncs):
        if syncs > 1 or self.random.random() < 0.5:
            return "overwrite-destination"
        return self.random.choice(("import-prioritize-source", "import-prioritize-destination"))

    @property
    def overlap(self):
        """Say whether one sync has the other's names in its scope."""
        return len(self.configs) > 1 and self.configs["a"]["syncOptions"]["keySchema"] is None

    def _furnish(self):
        """Put secrets into the vault that were there before."""
        for name, config in self.configs.items():
            if name == "b" and self.overlap:
                continue
            schema = config["syncOptions"]["keySchema"]
            for key in self.keys:
                if self.random.random() < 0.25:
                    self._seed(rendered(schema, key))
            if self.random.random() < 0.3:
                self._seed(rendered(schema, f"OLD-{name}"))
        for number in range(self.random.randint(0, 3)):
            self._seed(f"other-{number}")
        if self.random.random() < 0.3:
            secret_id = self._seed("function-credentials", state=State.ACTIVE)
            self.world.auditor.protected = frozenset([secret_id])

    def _seed(self, name, **facts):
        odd = self.random.random()
        if odd < 0.08:
            facts |= {"isReplica": True}
        elif odd < 0.12:
            facts |= {"state": State.FAILED}
        elif odd < 0.3:
            facts |= {"state": State.PENDING_DELETION}
        elif odd < 0.35:
            facts |= {"state": State.DELETED}
        elif odd < 0.4:
            facts |= {"compartmentId": "elsewhere"}
        elif odd < 0.5 and self.world.vault.version_limit == 30:
            facts |= {"secretRules": [{"ruleType": "SECRET_REUSE_RULE"}]}
        value = self.value().encode()
        return self.world.vault.seed(name, value, age=timedelta(hours=1), **facts)

    def value(self):
        self._values += 1
        return f"v{self._values}"

    def save(self, name):
        body = json.dumps(self.configs[name]).encode()
        self.world.store.put(f"secret-syncs/p/{name}.json", body)

    def _plan_events(self):
        at, random = self.world.scheduler.at, self.random
        tick = random.uniform(0, TICK_SECONDS)
        while tick < END_SECONDS:
            at(tick, self.world.tick)
            tick += TICK_SECONDS
        self.world.network.on_long_stall = self._overtake
        self._hot = [random.uniform(0, END_SECONDS) for _ in range(3)]
        for event, most in (
            (self.edit_source, random.choice((6, 25))),
            (self._edit_vault, random.choice((0, 3, 12))),
            (self._edit_config, random.choice((0, 1, 4))),
            (self._command, random.choice((1, 6))),
            (self._hide, random.choice((0, 1, 3))),
            (self.world.tick, random.choice((0, 3))),
            (self.world.work, random.choice((0, 2, 5))),
        ):
            for _ in range(most):
                at(self._moment(), event)

    def _overtake(self, until):
        """Have somebody come along while a run stalls for longer than its lease lasts."""
        soonest = self.world.scheduler.seconds + LEASE_SECONDS
        for name in self.configs:
            when = self.random.uniform(soonest, until)
            self.world.scheduler.at(when, partial(self.command, "sync", name))

    def _moment(self):
        """Return a time, most often shortly after one of the few at which everything happens."""
        random = self.random
        if random.random() < 0.3:
            return random.uniform(0, END_SECONDS)
        return min(END_SECONDS, random.choice(self._hot) + random.expovariate(0.2))

    # The source

    def edit_source(self, name=None, *, is_told=True):
        """Change one to three keys of a folder; the folder's webhook follows."""
        name = name or self.random.choice(list(self.configs))
        folder = self.folder_of(name)
        source, random = self.world.source, self.random
        if random.random() < 0.1:
            shared = source.folders[self.folder_of(f"shared-{name}")]
            shared[random.choice(("S0", "S1", "S2"))] = self.value()
        if random.random() < 0.1:
            for key in random.sample(self.keys, len(self.keys) // 2):
                self._remove(source.folders[folder], key)
        for key in random.sample(self.keys, random.choice((1, 1, 3, 5))):
            self._edit_key(source, folder, key)
        source.revision += 1
        self.world.trace(f"source of {name} is edited: revision {source.revision}")
        if is_told:
            self.send(name)

    def _edit_key(self, source, folder, key):
        values, random = source.folders[folder], self.random
        match random.choice(("set", "set", "delete", "delete", "again", "again", "rename", "odd")):
            case "delete":
                self._remove(values, key)
            case "again":
                values[key] = random.choice(self._former.get(key, ["v0"]))
            case "rename" if key in values:
                values[random.choice(self.keys)] = self._remove(values, key)
            case "odd":
                odd = random.choice(("empty", "name", "unreadable"))
                if odd == "empty":
                    values[key] = ""
                elif odd == "name":
                    values["bad name"] = self.value()
                else:
                    source.errors ^= {(folder, key)}
            case _:
                values[key] = self.value()
        if values.get(key):
            self._former.setdefault(key, []).append(values[key])

    def _remove(self, values, key):
        return values.pop(key, None) or self.value()

    def _hide(self):
        """Take the permission to read an import, or a whole folder, away for a while."""
        name = self.random.choice(list(self.configs))
        source, folder = self.world.source, self.folder_of(name)
        until = self.random.uniform(self.world.scheduler.seconds, END_SECONDS)
        if self.random.random() < 0.6:
            shared = self.folder_of(f"shared-{name}")
            source.hidden.add(shared)
            self.world.scheduler.at(until, lambda: source.hidden.discard(shared))
        elif folder in source.folders:
            kept = source.folders[folder]
            source.folders[folder] = {}
            self.world.scheduler.at(until, lambda: kept.update(source.folders[folder]))
            self.world.scheduler.at(until, lambda: source.folders.update({folder: kept}))

    # Webhooks

    def send(self, name):
        """Deliver the webhook of a folder, as the source does: late, perhaps twice, perhaps never."""
        random, now = self.random, self.world.scheduler.seconds
        delay = random.uniform(2, 3)
        if not self.by_hints:
            if random.random() < 0.25:
                return
            delay = random.choice((delay, delay, random.uniform(3, 90)))
            if random.random() < 0.1:
                self.world.scheduler.at(now + random.uniform(2, 60), lambda: self.deliver(name))
        self.world.scheduler.at(now + delay, lambda: self.deliver(name))

    def deliver(self, name, tries=0):
        if self.by_hints and self._in_flight.get(name, 0) > self.world.scheduler.seconds:
            return None  # The source loses events while a delivery of this folder is in flight.
        self._in_flight[name] = self.world.scheduler.seconds + 15

        def answered(answer):
            self._in_flight[name] = 0
            if isinstance(answer, SyncError) and tries < len(RETRIES_SECONDS):
                again = self.world.scheduler.seconds + RETRIES_SECONDS[tries]
                self.world.scheduler.at(again, lambda: self.deliver(name, tries + 1))

        webhook = Webhook(self.folder_of(name), is_test=False)
        return self.world.start(f"webhook-{name}", lambda hands: hands.webhook(webhook), answered)

    # The vault

    def _edit_vault(self):
        """Change one secret by hand, through no sync."""
        vault, random, now = self.world.vault, self.random, self.world.scheduler.now()
        secrets = [s for s in vault.secrets.values() if s.state(now) != State.DELETED]
        if not secrets:
            return
        secret = random.choice(secrets)
        seconds = min(random.choice((0, 1, 20)), END_SECONDS - self.world.scheduler.seconds)
        durations = Durations(seconds, seconds, seconds, seconds)
        end = now + timedelta(seconds=seconds)
        act = random.choice(("value", "busy", "delete", "restore", "tags"))
        is_active = secret.state(now) == State.ACTIVE
        if act == "value" and is_active and not self.by_hints:
            secret.add_version(now, end, self.value().encode())
            secret.move(now, State.UPDATING, end, State.ACTIVE)
        elif act == "busy" and is_active:
            secret.move(now, State.UPDATING, end, State.ACTIVE)
        elif act == "delete" and is_active:
            secret.schedule(now, now + timedelta(days=3), durations)
        elif act == "restore" and secret.state(now) == State.PENDING_DELETION:
            secret.move(now, State.CANCELLING_DELETION, end, State.ACTIVE)
        elif act == "tags" and is_active and not self.overlap:
            lost = random.choice(((OWNER_TAG, DIGEST_TAG), (DIGEST_TAG,)))
            tags = secret.fact(now)["freeformTags"]
            secret.change(now, freeformTags={k: v for k, v in tags.items() if k not in lost})
        else:
            return
        self.world.trace(f"by hand: {act} {secret.name} for {seconds:.0f} s")
        if random.random() < 0.5:
            event = ResourceEvent("com.oraclecloud.vaultsecret.updatesecret", "", COMPARTMENT, {})
            self.world.start("vault-event", lambda hands: hands.desk().event(event))

    # Configs and commands

    def _edit_config(self):
        name = self.random.choice(list(self.configs))
        config = self.configs[name]
        options = config["syncOptions"]
        match self.random.choice(("deletion", "scope", "days", "switch")):
            case "deletion":
                options["disableSecretDeletion"] = not options["disableSecretDeletion"]
            case "scope":
                options["blockingScope"] = self.random.choice(("vault", "schema"))
            case "days":
                options["deletionDays"] = self.random.randint(1, 30)
            case "switch":
                config["isAutoSyncEnabled"] = not config.get("isAutoSyncEnabled", True)
        self.world.trace(f"the config of {name} is edited")
        self.save(name)
        if self.random.random() < 0.7:
            event = ResourceEvent(
                "com.oraclecloud.objectstorage.updateobject",
                f"prefix/secret-syncs/p/{name}.json",
                COMPARTMENT,
                BUCKET,
            )
            self.world.start("config-event", lambda hands: hands.desk().event(event))

    def _command(self):
        name = self.random.choice(list(self.configs))
        self.command(self.random.choice(("sync", "sync", "plan")), name)

    def command(self, verb, name, force=None, done=lambda _: None):
        command = Command(command=verb, sync=name, force=force)
        self.world.start(verb, lambda hands: hands.desk().command(command), done)
