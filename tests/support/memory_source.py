"""A secret manager in memory: folders that import each other, and values that refer to each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from functions.errors import Forbidden, SourceMissing
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, Place, SourceSecret, SourceSecrets, parse_place
from functions.sources.infisical.evidence import Evidence, Folders
from functions.sources.infisical.rows import Listing, Row

REFERENCE = re.compile(r"\$\{(\S+) (\S+)\}")
"""`${env:path KEY}`, as the memory of a sync writes it."""


@dataclass(slots=True)
class MemorySource:
    """Folders of keys, one level of imports, one level of references. `revision` counts the changes.

    `hidden` are folders that may not be read any more, `untold` folders whose list of imports is refused,
    `errors` keys whose value cannot be told, `refused` keys that no import can replace.
    """

    folders: dict[Folder, dict[str, str]] = field(default_factory=dict)
    imports: dict[Folder, list[Folder]] = field(default_factory=dict)
    hidden: set[Folder] = field(default_factory=set)
    untold: set[Folder] = field(default_factory=set)
    errors: set[tuple[Folder, str]] = field(default_factory=set)
    refused: set[tuple[Folder, str]] = field(default_factory=set)
    last_read: dict[Folder, dict[str, bool]] = field(default_factory=dict)
    """How folders were read."""
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
        self.last_read[folder] = {"has_sub_folders": sub_folders, "by_folder": by_folder}
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
        root = folder.path.rstrip("/") + "/"
        there = [f for f in self.folders if f.environment == folder.environment]
        return [f for f in there if f.path.startswith(root) and f != folder]

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
        """Say why a key may still be there, by the rules that hold for a real source."""
        answers: Any = MemoryApi(self)
        project_id = folder.project_id
        blocks = {_place(f): tuple(map(_place, self._readable(f))) for f in self.imports}
        folders, how = Folders(answers, project_id), self.last_read.get(folder, {})
        evidence = Evidence(answers, project_id, folders, blocks, **how)
        return evidence.why_kept(missing, may_ask=may_ask)

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        """Create `values` in the folder, with `replace` also update them; return refusals."""
        held = self.folders[folder]
        refused = {
            key: "the source refuses to take it"
            for key, value in values.items()
            if (folder, key) in self.refused or (not replace and held.get(key, value) != value)
        }
        held.update({key: value for key, value in values.items() if key not in refused})
        self.revision += 1
        return refused

    def ping(self) -> None:
        """Answer."""


@dataclass(frozen=True, slots=True)
class MemoryApi:
    """What the source's routes answer when they are asked what became of a key."""

    source: MemorySource

    def secrets(self, folder: Folder) -> Listing:
        """List a folder. Raises SourceMissing, Forbidden."""
        if folder not in self.source.folders:
            raise SourceMissing(f"The source has no folder {folder.path}.")
        if folder in self.source.hidden:
            raise Forbidden(f"The folder {folder.path} may not be read.")
        imported = ((_place(f), self._rows(f)) for f in self.source._readable(folder))
        return Listing(self._rows(folder), tuple(imported))

    def imports(self, folder: Folder) -> list[Place]:
        """Return what a folder imports. Raises Forbidden."""
        if folder in self.source.untold:
            raise Forbidden(f"The imports of {folder.path} may not be listed.")
        return list(map(_place, self.source.imports.get(folder, ())))

    def folders(self, folder: Folder) -> set[str]:
        """Return the names of the direct sub-folders."""
        depth = len(folder.path.rstrip("/")) + 1
        return {f.path[depth:].partition("/")[0] for f in self.source.below(folder)}

    def environments(self, project_id: str) -> set[str]:
        """Return the environments."""
        return {f.environment for f in self.source.folders if f.project_id == project_id}

    def _rows(self, folder: Folder) -> tuple[Row, ...]:
        return tuple(
            Row(key, SecretStr(value), _place(folder), quotes_lines=False)
            for key, value in self.source.folders[folder].items()
        )


def _place(folder: Folder) -> Place:
    return folder.environment, folder.path


def origin(kind: str, folder: Folder) -> Origin:
    """Return the origin that a folder is."""
    return Origin(kind, folder.environment, folder.path)
