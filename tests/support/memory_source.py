"""A secret manager in memory: folders that import each other, and values that refer to each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from functions.errors import SourceMissing
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, SourceSecret, SourceSecrets, parse_place

REFERENCE = re.compile(r"\$\{(\S+) (\S+)\}")
"""`${env:path KEY}`, as the memory of a sync writes it."""


@dataclass(slots=True)
class MemorySource:
    """Folders of keys, one level of imports, one level of references. `revision` counts the changes.

    `hidden` are folders that may not be read any more, `errors` keys whose value cannot be told.
    """

    folders: dict[Folder, dict[str, str]] = field(default_factory=dict)
    imports: dict[Folder, list[Folder]] = field(default_factory=dict)
    hidden: set[Folder] = field(default_factory=set)
    errors: set[tuple[Folder, str]] = field(default_factory=set)
    revision: int = 0
    reappeared: int = 0
    """How often a folder that was hidden was shown again."""

    def hide(self, folder: Folder) -> None:
        """Take the right to read a folder away."""
        self.hidden.add(folder)

    def show(self, folder: Folder) -> None:
        """Give the right to read a folder back."""
        self.hidden.discard(folder)
        self.reappeared += 1

    def read(self, folder: Folder, *, sub_folders: bool, by_folder: bool = False) -> SourceSecrets:
        """Return what the folder holds, its own keys before imported ones, later imports before earlier."""
        if folder not in self.folders:
            raise SourceMissing(f"The source has no folder {folder.path}.")
        found = {
            key: SourceSecret(key, SecretStr(value), None if at == folder else origin("import", at))
            for key, (value, at) in self.view(folder).items()
        }
        collisions: dict[str, tuple[str, ...]] = {}
        origins = [origin("import", other) for other in self._readable(folder)]
        for other in self.below(folder) if sub_folders else ():
            if other in self.hidden:
                continue
            origins.append(origin("folder", other))
            below = other.path.removeprefix(folder.path).strip("/") if by_folder else ""
            for key, value in self.folders[other].items():
                secret = SourceSecret(key, SecretStr(value), origins[-1], folder=below)
                if secret.address in found:
                    collisions[key] = (*collisions.get(key, ()), other.path)
                found.setdefault(secret.address, secret)
        errors = {key: "its value cannot be read" for f, key in self.errors if f == folder}
        secrets = []
        for key, secret in found.items():
            if key in errors:
                continue
            expanded = self._expanded(folder, secret)
            if expanded is None:
                errors[key] = "it refers to a folder that may not be read"
            else:
                secrets.append(expanded)
        return SourceSecrets(tuple(secrets), errors, frozenset(origins), collisions)

    def view(self, folder: Folder) -> dict[str, tuple[str, Folder]]:
        """Return what a folder shows, and which folder gave it."""
        found: dict[str, tuple[str, Folder]] = {}
        for other in (*self._readable(folder), folder):
            found |= {key: (value, other) for key, value in self.folders[other].items()}
        return found

    def below(self, folder: Folder) -> list[Folder]:
        """Return the sub-folders."""
        return [f for f in self.folders if f.path.startswith(folder.path.rstrip("/") + "/")]

    def _readable(self, folder: Folder) -> list[Folder]:
        rows = self.imports.get(folder, ())
        return [other for other in rows if other in self.folders and other not in self.hidden]

    def _expanded(self, folder: Folder, secret: SourceSecret) -> SourceSecret | None:
        """Return the secret with its references resolved; None where a folder may not be read."""
        givers: dict[str, str | None] = {}
        text = secret.value.get_secret_value()
        for place, key in REFERENCE.findall(text):
            there = Folder(folder.project_id, *parse_place(place))
            if there in self.hidden:
                return None
            shown = self.view(there).get(key) if there in self.folders else None
            givers[f"{place} {key}"] = shown and f"{shown[1].environment}:{shown[1].path}"
            if shown:
                text = text.replace(f"${{{place} {key}}}", shown[0])
        return replace(secret, value=SecretStr(text), references=givers)

    def why_kept(self, folder: Folder, missing: Missing, *, may_ask: bool) -> str | None:
        """Say why a key may still be there."""
        where = Folder(folder.project_id, *missing.folder)
        rows = self.imports.get(where, [])
        if missing.giver is None:
            found = any(r in self.hidden or missing.key in self.folders.get(r, ()) for r in rows)
            return "not every import says that it is gone" if found or not may_ask else None
        giver = Folder(folder.project_id, missing.giver.environment, missing.giver.path)
        if missing.giver.kind == "import" and giver not in rows:
            return None
        if missing.shown_by and missing.shown_by.kind == "import":
            now = Folder(folder.project_id, missing.shown_by.environment, missing.shown_by.path)
            if giver in rows and now in rows and rows.index(now) > rows.index(giver):
                return None
        if not may_ask:
            return f"the {missing.giver} was asked a short time ago"
        if giver not in self.folders:
            return "it refers to what a folder gave that is gone" if missing.is_reference else None
        if giver in self.hidden or missing.key in self.folders[giver]:
            return f"the {missing.giver} is not readable any more"
        return None

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        """Create `values` in the folder, with `replace` also update them; return refusals."""
        held = self.folders[folder]
        refused = (
            {} if replace else {k: "is there" for k, v in values.items() if held.get(k, v) != v}
        )
        held.update({key: value for key, value in values.items() if key not in refused})
        self.revision += 1
        return refused

    def ping(self) -> None:
        """Answer."""


def origin(kind: str, folder: Folder) -> Origin:
    """Return the origin that a folder is."""
    return Origin(kind, folder.environment, folder.path)
