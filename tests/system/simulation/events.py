"""What happens in one seed: syncs, people who edit both sides, webhooks, ticks."""

from datetime import timedelta
from functools import partial

from functions.errors import SyncError
from functions.plan.models import Folder, State
from functions.plan.ownership import DIGEST_TAG, OWNER_TAG
from functions.state.lease import LEASE_SECONDS
from functions.triggers.command import Command
from functions.triggers.oci_event import ResourceEvent
from functions.triggers.webhook import Webhook
from infra.local.oci.secret import Durations
from tests.system.simulation.memory_world import COMPARTMENT
from tests.system.simulation.starting_state import StartingState

END_SECONDS = 300.0
TICK_SECONDS = 60.0
RETRIES_SECONDS = (0.24, 0.7, 1.57)
BUCKET = {"bucketName": "bucket", "namespace": "namespace"}


class Events(StartingState):
    """Draws events from the seed and lets them happen to the world."""

    def __init__(self, world):
        super().__init__(world)
        self._in_flight = {}
        self._former = {}
        self._plan_events()

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
            (self._rush, random.choice((0, 2, 5))),
            (self._hide, random.choice((0, 1, 3))),
            (self._reorganise, random.choice((0, 2, 5))),
            (self._expire, random.choice((0, 0, 2, 8))),
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
            shared = source.folders.get(self.folder_of(f"shared-{name}"), {})
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
        if self.random.random() < 0.8:
            kind = self.random.choice(("shared", "shared", "base", "mid"))
            hidden = self.folder_of(f"{kind}-{name}")
            self.world.trace(f"{hidden.path} hides")
            source.hide(hidden)
            self.world.scheduler.at(until, lambda: source.show(hidden))
        elif folder in source.folders:
            kept = source.folders[folder]
            source.folders[folder] = {}
            self.world.scheduler.at(until, lambda: kept.update(source.folders[folder]))
            self.world.scheduler.at(until, lambda: source.folders.update({folder: kept}))

    def _reorganise(self):
        """Move what other folders give: imports and their order, folders, keys, references."""
        name, random, source = (
            self.random.choice(list(self.configs)),
            self.random,
            self.world.source,
        )
        folder = self.folder_of(name)
        base, shared, mid = (self.folder_of(f"{kind}-{name}") for kind in ("base", "shared", "mid"))
        act = random.choice(("rows", "rows", "rename", "key", "key", "own", "refer", "refer"))
        self.world.trace(f"{name} is reorganised: {act}")
        match act:
            case "rows":
                rows = [row for row in (base, shared) if random.random() < 0.7]
                source.imports[random.choice((folder, mid))] = random.sample(rows, len(rows))
            case "rename":
                there = random.choice((base, shared, mid))
                if there in source.folders:
                    source.folders[Folder("p", "dev", there.path + "-new")] = source.folders.pop(
                        there
                    )
            case "key":
                there = source.folders.get(random.choice((base, shared, mid)), {})
                key = random.choice(("S0", "S1", "S2"))
                if there.pop(key, None) is None:
                    there[key] = self.value()
            case "own":
                source.folders[folder][random.choice(("S0", "S1"))] = self.value()
            case "refer":
                key = random.choice(("R0", "R1", "R2"))
                source.folders[folder][key] = random.choice((self.reference(name), self.value()))
        source.revision += 1
        self.send(name)

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
        return self.world.start(
            f"webhook-{name}", lambda invocation: invocation.webhook(webhook), answered
        )

    def _rush(self):
        """Have several come along in one moment: what one of them loads, another changes."""
        name, random, now = (
            self.random.choice(list(self.configs)),
            self.random,
            self.world.scheduler.seconds,
        )
        self.edit_source(name, is_told=False)
        for _ in range(random.choice((2, 3, 4))):
            come = random.choice((self.deliver, self.edit_source, partial(self.command, "sync")))
            self.world.scheduler.at(now + random.uniform(0, 1), partial(come, name))

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
        self.world.auditor.claims.touched(secret.id)
        self.world.trace(f"by hand: {act} {secret.name} for {seconds:.0f} s")
        if random.random() < 0.5:
            event = ResourceEvent("com.oraclecloud.vaultsecret.updatesecret", "", COMPARTMENT, {})
            self.world.start("vault-event", lambda invocation: invocation.dispatcher().event(event))

    def _expire(self):
        """Let the content of one secret not be handed out for a while."""
        if not self.world.vault.secrets:
            return
        secret_id = self.random.choice(list(self.world.vault.secrets))
        unreadable, now = self.world.unreadable, self.world.scheduler.now()
        unreadable.setdefault(secret_id, now)
        until = self.random.uniform(self.world.scheduler.seconds, END_SECONDS)
        self.world.scheduler.at(until, lambda: unreadable.pop(secret_id, None))

    # Configs and commands

    def _edit_config(self):
        name = self.random.choice(list(self.configs))
        config = self.configs[name]
        options = config["syncOptions"]
        match self.random.choice(("deletion", "scope", "days", "switch", "guard")):
            case "deletion":
                options["disableSecretDeletion"] = not options["disableSecretDeletion"]
            case "scope":
                options["blockingScope"] = self.random.choice(("vault", "schema"))
            case "days":
                options["deletionDays"] = self.random.randint(1, 30)
            case "guard":
                options["deletionGuard"] = {
                    "maxPercent": self.random.choice((10, 30, 60, 100)),
                    "minCount": self.random.choice((1, 4, 8)),
                }
            case "switch":
                config["isAutoSyncEnabled"] = not config.get("isAutoSyncEnabled", True)
        self.world.trace(f"the config of {name} is edited")
        self.save(name)
        if self.random.random() < 0.7:
            self.tell_of_config(name)

    def tell_of_config(self, name):
        """Deliver the event of a config that was written."""
        event = ResourceEvent(
            "com.oraclecloud.objectstorage.updateobject",
            f"prefix/secret-syncs/p/{name}.json",
            COMPARTMENT,
            BUCKET,
        )
        self.world.start("config-event", lambda invocation: invocation.dispatcher().event(event))

    def _command(self):
        name = self.random.choice(list(self.configs))
        self.command(self.random.choice(("sync", "sync", "plan")), name)

    def command(self, verb, name, force=None, done=lambda _: None):
        command = Command(command=verb, sync=name, force=force)

        def work(invocation):
            return (
                invocation.plan(name)
                if verb == "plan"
                else invocation.dispatcher().command(command)
            )

        self.world.start(verb, work, done)
