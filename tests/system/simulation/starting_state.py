"""What is there at the beginning of a seed: syncs, a source, a vault with a past."""

import json
from datetime import timedelta

from functions.plan.models import Folder, State
from functions.plan.sync_config import parse_sync
from tests.system.simulation.memory_world import COMPARTMENT, KEY, VAULT
from tests.system.simulation.names import rendered


class StartingState:
    """One or two syncs, drawn from the seed.

    `by_hints`: nothing is verified but what ticks find new, so all rests on webhooks and the queue;
    then nobody alters values in the vault by hand, and no webhook is lost but by the source's own rule.
    """

    def __init__(self, world):
        self.world = world
        self.random = world.random
        self.by_hints = self.random.random() < 0.5
        self.configs = {}
        self.away = set()
        """Whose config is deleted, until it is made again."""
        self._values = 0
        seconds = 1e9 if self.by_hints else self.random.choice((0, 90, 200))
        world.interval = timedelta(seconds=seconds)
        self.keys = [f"K{number}" for number in range(self.random.randint(5, 18))]
        world.vault.version_limit = self.random.choice((30, 30, 4, 6))
        self._add_syncs()
        self._furnish()

    def folder_of(self, name):
        environment = self.configs.get(name, {}).get("environment", "dev")
        return Folder("p", environment, f"/{name}")

    def _add_syncs(self):
        names = self.random.choice((["a"], ["a"], ["a", "b"]))
        for name in names:
            schema = f"{name}-{{{{secretKey}}}}"
            if name == "a" and self.random.random() < 0.4:
                schema = None  # the other sync's secrets are then in its scope, but not its own
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
            folder = self.folder_of(name)
            base, shared, mid = (self.folder_of(f"{k}-{name}") for k in ("base", "shared", "mid"))
            self.world.source.folders |= {
                folder: {k: self.value() for k in self.keys if self.random.random() < 0.8},
                base: {f"S{n}": self.value() for n in range(2)},
                shared: {f"S{n}": self.value() for n in range(3)},
                mid: {"S2": self.value()},
            }
            self.world.source.imports[mid] = [base, shared]
            if self.random.random() < 0.6:
                self.world.source.imports[folder] = [base, shared]
                for key in ("R0", "R1", "R2"):
                    self.world.source.folders[folder][key] = self.reference(name)

    def reference(self, name):
        """Return a value that refers to what another folder gives, or to what never was there."""
        where = self.random.choice((name, f"mid-{name}", f"shared-{name}", "nowhere"))
        key = self.random.choice(("S0", "S1", "S2"))
        return f"{self.value()} at ${{dev:/{where} {key}}}"

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
        """Write a config, unless it is deleted."""
        if name in self.away:
            return
        body, store = json.dumps(self.configs[name]).encode(), self.world.store
        config = f"secret-syncs/p/{name}.json"
        is_new = store.get(config) is None
        sync = parse_sync(store.url, config, store.put(config, body), body)
        self.world.auditor.claims.edited(sync, is_new=is_new)
