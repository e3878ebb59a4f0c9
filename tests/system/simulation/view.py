"""Both sides of a sync as one run saw them last."""

from functools import cached_property

from tests.system.simulation.names import in_scope, rendered, schema_of


class View:
    """What one run saw last of both sides; `sync` is known when it opens the vault."""

    def __init__(self, process, gate=None):
        self.process = process
        self.gate = gate
        self.sync = None
        self.turn = 0
        self.read_at = self.saw_vault_at = self.remembered_at = -1
        """The numbers of the status that was there when source, vault and memory were read last."""
        self.counts_from = self.lease_counts_from = 0
        """From which status on what it read counts; for the memory, which only the lease guards, the second."""
        self.began_at = None
        self.is_import = False
        """Whether somebody asked for an import, and it has begun."""
        self.revision = -1
        self.answer = None
        self.below = False
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

    @property
    def schema(self):
        """The key schema, of which only the key is open."""
        return schema_of(self.options.key_schema, self.sync.config.environment)

    def name_of(self, key):
        return rendered(self.schema, key)

    @cached_property
    def values(self):
        """Return what the vault should hold."""
        return {
            self.name_of(secret.key): secret.value.get_secret_value().encode()
            for secret in self.answer.secrets
            if secret.value.get_secret_value() and " " not in secret.key
        }

    @property
    def secrets(self):
        """Return what the source answered, by name."""
        return {self.name_of(secret.key): secret for secret in self.answer.secrets}

    @property
    def lost_names(self):
        """Return the names of keys that stay because what gave them hides."""
        return set(map(self.name_of, self.lost))

    @property
    def erroneous(self):
        """Return the names of keys that have no value that the vault would take: an error, no deletion."""
        refused = {secret.key for secret in self.answer.secrets if " " in secret.key}
        return set(map(self.name_of, refused | self.answer.errors.keys()))

    @cached_property
    def kept(self):
        """Return the names that must stay as they are: no value is known that the vault would take."""
        return self.erroneous | self.lost_names

    def scoped(self, name):
        return in_scope(self.schema, name)
