"""Which secrets no run may touch because an import could not bring them into the source.

Worked out apart from the code under test: what the source refused is seen as it does so, and counts from
when the memory names it, for until then the import may be repeated.
"""

from dataclasses import dataclass, field

from functions.state.memory import Memory


@dataclass
class Holds:
    """By the name of the config, then by vault name: the key, and its value in the source at that time."""

    noted: dict = field(default_factory=dict)
    active: dict = field(default_factory=dict)

    def answered(self, view, values, refused):
        """Note what the source refused, and that it took the others."""
        config = view.sync.object_name
        noted, active = self.noted.setdefault(config, {}), self.active.setdefault(config, {})
        for key in values:
            name = view.name_of(key)
            if key in refused:
                noted[name] = key, view.values.get(name)
            else:
                noted.pop(name, None)
                active.pop(name, None)

    def remembered(self, config, body):
        """Take over what the memory names from now on."""
        noted = self.noted.get(config)
        if noted:
            pending = Memory.model_validate_json(body).import_pending
            self.active[config] |= {name: noted.pop(name) for name in {*noted} & pending.keys()}

    def saw(self, config, answer):
        """End what was held where the source has another value by now: that counts, for good."""
        held = self.active.get(config)
        if not held:
            return
        values = {one.key: one.value.get_secret_value().encode() for one in answer.secrets}
        for name, (key, value) in list(held.items()):
            if values.get(key, value) != value:
                del held[name]

    def forget(self, config):
        """End all that is held: somebody decided, or the sync is another one now."""
        self.noted.pop(config, None)
        self.active.pop(config, None)

    def is_held(self, view, operation, name):
        """Say whether a write would replace what is neither in the source nor given up."""
        changes = operation in ("update", "promote", "schedule_deletion")
        return changes and name in self.active.get(view.sync.object_name, ())
