"""What people do to whole syncs in every fourth seed: other places and names, refusals, syncs made again.

It draws from a stream of its own, so that the histories of the other seeds stay as they are.
"""

from datetime import timedelta
from functools import partial
from random import Random

from functions.errors import Rejected
from functions.plan.models import Folder, JobKind
from functions.plan.sync_config import sync_id
from functions.state.sync_repository import ApiCache, SyncRepository
from functions.triggers.command import Command
from tests.system.simulation.events import END_SECONDS
from tests.system.simulation.memory_world import COMPARTMENT, OTHER_VAULT, PLACES, STORE, VAULT

EVERY = 4
KINDS_A_SEED = 4
BEHAVIORS = ("overwrite-destination", "import-prioritize-source", "import-prioritize-destination")


class Edits:
    """Edits of the syncs that `events` made."""

    def __init__(self, world, events, seed):
        self.world = world
        self.events = events
        self.random = random = Random(f"edits of {seed}")
        self._begin()
        kinds = (
            self.destination,
            self.schema,
            self.environment,
            self.sub_folders,
            self.make_again,
            self.refuse_imports,
            self.ask_for_import,
            self.hide_lists,
            self.clean_up,
            self.put_into_vault,
            self.hide_content,
        )
        for kind in random.sample(kinds, KINDS_A_SEED):
            for _ in range(random.randint(1, 3)):
                name = random.choice(list(events.configs))
                world.scheduler.at(random.uniform(5, END_SECONDS), partial(kind, name))

    def _begin(self):
        """Give each sync a sub-folder, some an import, and other places something that is there."""
        for name in self.events.configs:
            self.world.source.folders[self._below(name)] = {
                key: self.events.value() for key in ("B0", "B1")
            }
            options = self.events.configs[name]["syncOptions"]
            if len(self.events.configs) == 1:
                options["initialSyncBehavior"] = self.random.choice(BEHAVIORS)
            is_overwriting = options["initialSyncBehavior"] == BEHAVIORS[0]
            options["includeAllSubFolders"] = is_overwriting and self.random.random() < 0.5
            if not is_overwriting and self.random.random() < 0.5:
                self.refuse_imports(name)
            self.events.save(name)
            for vault, compartment in PLACES[1:]:
                for key in self.random.sample(self.events.keys, 2):
                    self._seed(f"{self._prefix(name)}{key}", vault, compartment)
                self._seed(f"{self._prefix(name)}THEIRS", vault, compartment)

    def _prefix(self, name):
        schema = self.events.configs[name]["syncOptions"]["keySchema"] or ""
        return schema.partition("{{")[0]

    def _below(self, name):
        above = self.events.folder_of(name)
        return Folder(above.project_id, above.environment, f"{above.path}/below")

    def _seed(self, name, vault, compartment, age=timedelta(hours=1)):
        if self.world.vault.holder(vault, name):
            return
        value = self.events.value().encode()
        self.world.vault.seed(name, value, age=age, vaultId=vault, compartmentId=compartment)

    def _until(self):
        return self.random.uniform(self.world.scheduler.seconds, END_SECONDS)

    def _edited(self, name, what):
        self.world.trace(f"the {what} of {name} is edited")
        self.events.save(name)
        if self.random.random() < 0.7:
            self.events.tell_of_config(name)

    # Where to, and under which names

    def destination(self, name):
        to = self.events.configs[name]["destinationConfig"]
        before = to["vaultOcid"], to["compartmentOcid"]
        to["vaultOcid"], to["compartmentOcid"] = self.random.choice(PLACES)
        if before != (to["vaultOcid"], to["compartmentOcid"]):
            self.world.auditor.holds.forget(f"secret-syncs/p/{name}.json")
        self._edited(name, "destination")

    def schema(self, name):
        schemas = [f"{name}-{{{{secretKey}}}}", f"{name}-{{{{environment}}}}-{{{{secretKey}}}}"]
        if len(self.events.configs) == 1:
            schemas.append(None)
        self.events.configs[name]["syncOptions"]["keySchema"] = self.random.choice(schemas)
        self._edited(name, "key schema")

    def environment(self, name):
        """Move a sync to another environment, which has most of what the former one has."""
        source, config = self.world.source, self.events.configs[name]
        before = (self.events.folder_of(name), self._below(name))
        config["environment"] = "prod" if config["environment"] == "dev" else "dev"
        after = (self.events.folder_of(name), self._below(name))
        for old, new in zip(before, after, strict=True):
            if new not in source.folders:
                held = source.folders[old]
                source.folders[new] = {k: v for k, v in held.items() if self.random.random() < 0.8}
                source.imports[new] = list(source.imports.get(old, ()))
        source.revision += 1
        self._edited(name, "environment")

    def sub_folders(self, name):
        """Switch sub-folders on or off, or change or hide what is below."""
        source, below = self.world.source, self._below(name)
        options = self.events.configs[name]["syncOptions"]
        act = self.random.choice(("switch", "switch", "value", "hide"))
        self.world.trace(f"sub-folders of {name}: {act}")
        if act == "switch" and options["initialSyncBehavior"] == BEHAVIORS[0]:
            options["includeAllSubFolders"] = not options["includeAllSubFolders"]
            self._edited(name, "option includeAllSubFolders")
        elif act == "value":
            source.folders[below][self.random.choice(("B0", "B1", "B2"))] = self.events.value()
            source.revision += 1
            self.events.send(name)
        else:
            source.hide(below)
            self.world.scheduler.at(self._until(), lambda: source.show(below))

    # Deleted, and made again

    def make_again(self, name):
        """Delete a config, by hand or by DELETE, and make it again later."""
        if name in self.events.away or self.events.overlap:
            return
        self.events.away.add(name)
        etag = self.world.store.get(f"secret-syncs/p/{name}.json").etag
        if self.random.random() < 0.5:
            self.world.trace(f"the config of {name} is deleted by hand")
            self.world.store.delete(f"secret-syncs/p/{name}.json")
            self.world.auditor.gone_at[f"secret-syncs/p/{name}.json"] = self.world.scheduler.now()
        else:
            for _ in range(self.random.randint(1, 2)):
                at = self.world.scheduler.seconds + self.random.uniform(0, 5)
                self.world.scheduler.at(at, partial(self._delete, name, etag))
        to = self.events.configs[name]["destinationConfig"]
        for key in ("NEW0", "NEW1"):
            place = to["vaultOcid"], to["compartmentOcid"]
            self._seed(f"{self._prefix(name)}{key}", *place, timedelta(minutes=2))
        at = self.world.scheduler.seconds + self.random.uniform(30, 150)
        self.world.scheduler.at(min(at, END_SECONDS), partial(self._return, name))

    def _delete(self, name, etag):
        def work(invocation):
            dispatcher = invocation.dispatcher()
            store, pool = dispatcher.services.store, dispatcher.services.pool
            syncs = SyncRepository(store, pool, dispatcher.configs, ApiCache())
            wanted = sync_id(STORE, f"secret-syncs/p/{name}.json")
            try:
                found = syncs.find(wanted).sync
                if found.etag == etag:  # nobody means the one that is made again
                    syncs.delete(found)
            except Rejected:
                syncs.finish_deletion(wanted)

        self.world.start(f"delete-{name}", work)

    def _return(self, name):
        self.events.away.discard(name)
        self._edited(name, "whole config")

    # What the source refuses

    def refuse_imports(self, name):
        """Have the source refuse to take some keys, as it does for rotated ones, for a while."""
        folder, source = self.events.folder_of(name), self.world.source
        keys = {(folder, key) for key in self.random.sample([*self.events.keys, "THEIRS"], 4)}
        source.refused |= keys
        self.world.trace(f"the source refuses {sorted(key for _, key in keys)}")
        self.world.scheduler.at(self._until(), lambda: source.refused.difference_update(keys))

    def ask_for_import(self, name):
        behavior = self.random.choice(("prioritize-source", "prioritize-destination"))
        command = Command(command="import", sync=name, import_behavior=behavior)
        self.world.auditor.let_go(f"secret-syncs/p/{name}.json")
        self.world.start("import", lambda invocation: invocation.dispatcher().command(command))

    def hide_lists(self, name):
        """Take the right to list a folder's imports away for a while, and that to read what it imports."""
        kind, other = self.random.choice(("", "mid-")), self.random.choice(("shared", "base"))
        source, folder = self.world.source, self.events.folder_of(f"{kind}{name}")
        hidden, at = Folder("p", "dev", f"/{other}-{name}"), self.world.scheduler.at
        now, until = self.world.scheduler.seconds, self._until()
        source.untold.add(folder)
        source.hide(hidden)
        at(self.random.uniform(now, until), partial(self.events.command, "sync", name))
        at(until, lambda: source.untold.discard(folder))
        at(until, lambda: source.show(hidden))

    # The vault

    def clean_up(self, name):
        """Ask for the deletion of what edits left behind."""

        def work(invocation):
            dispatcher = invocation.dispatcher()
            sync = dispatcher.configs.find(name)
            return dispatcher.accept(sync, dispatcher.job(sync, JobKind.CLEANUP, "command"))

        self.world.auditor.cleanups.add(f"secret-syncs/p/{name}.json")
        self.world.start("cleanup", work)

    def put_into_vault(self, name, age=timedelta(0)):
        """Put a secret into the vault by hand, under a name that a key may have or not."""
        key = self.random.choice([*self.events.keys, "NEW0", "NEW1"])
        vault = self.random.choice((VAULT, VAULT, OTHER_VAULT))
        self._seed(f"{self._prefix(name)}{key}", vault, COMPARTMENT, age)

    def hide_content(self, _name):
        """Have the content of a secret never be handed out again."""
        secret_id = self.random.choice(list(self.world.vault.secrets))
        self.world.trace(f"the content of {self.world.vault.name_of(secret_id)} is not handed out")
        self.world.unreadable.setdefault(secret_id, self.world.scheduler.now())
