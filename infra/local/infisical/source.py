"""What the simulated Infisical holds: environments, folders, secrets, imports."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

Place = tuple[str, str]
"""Environment and folder path."""

Places = set[Place]

_REFERENCE = re.compile(r"\$\{([a-zA-Z0-9-_.]+)\}")


@dataclass(slots=True)
class Secret:
    """One row of the secrets table; nothing but the API keeps a folder's keys unique."""

    key: str
    value: str
    quotes_lines: bool = False
    personal: bool = False
    tags: tuple[str, ...] = ()
    version: int = 1
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(slots=True)
class FolderRow:
    """A folder and what is in it; imports are in the order of their position."""

    secrets: list[Secret] = field(default_factory=list)
    imports: list[Place] = field(default_factory=list)

    def get(self, key: str) -> Secret | None:
        """Return the first shared secret of that name."""
        return next((s for s in self.secrets if s.key == key and not s.personal), None)


class Source:
    """One project. `on_change` is called with each place whose secrets a change touched."""

    def __init__(
        self,
        project_id: str = "project",
        environments: tuple[str, ...] = ("dev", "staging", "prod"),
    ) -> None:
        self.project_id = project_id
        self.project_name = project_id
        self.environments = list(environments)
        self.lock = threading.RLock()
        self.folders: dict[Place, FolderRow] = {(e, "/"): FolderRow() for e in environments}
        self.foreign: dict[Place, list[tuple[str, Place, list[Secret]]]] = {}
        """What folders import from other projects, after their other imports."""
        self.on_change: Callable[[Place], None] = lambda _: None

    def add_folder(self, environment: str, path: str) -> FolderRow:
        """Create a folder and its parents where they are missing."""
        with self.lock:
            parts = path.strip("/").split("/")
            for depth in range(len(parts) + 1):
                parent = "/" + "/".join(parts[:depth]).strip("/")
                self.folders.setdefault((environment, parent), FolderRow())
            return self.folders[environment, path]

    def delete_folder(self, environment: str, path: str) -> None:
        """Delete a folder and what is below it. The real server sends no event for it."""
        with self.lock:
            for place in list(self.folders):
                if place[0] == environment and (place[1] + "/").startswith(path + "/"):
                    del self.folders[place]

    def rename_folder(self, environment: str, path: str, to: str) -> None:
        """Rename a folder and what is below it; imports go on pointing at the old path. No event is sent."""
        with self.lock:
            for place in list(self.folders):
                if place[0] == environment and (place[1] + "/").startswith(path + "/"):
                    self.folders[environment, to + place[1][len(path) :]] = self.folders.pop(place)

    def rename_environment(self, slug: str, to: str) -> None:
        """Rename an environment: imports follow it, references in values do not."""
        with self.lock:
            self.environments[self.environments.index(slug)] = to
            for place in [place for place in self.folders if place[0] == slug]:
                self.folders[to, place[1]] = self.folders.pop(place)
            for folder in self.folders.values():
                folder.imports = [(to if e == slug else e, p) for e, p in folder.imports]

    def set(
        self, environment: str, path: str, key: str, value: str, *, quotes_lines: bool = False
    ) -> None:
        """Create or update a secret (and its folder)."""
        with self.lock:
            folder = self.add_folder(environment, path)
            secret = folder.get(key)
            if secret is None:
                folder.secrets.append(Secret(key, value, quotes_lines))
            else:
                secret.value = value
                secret.quotes_lines = quotes_lines
                secret.version += 1
        self.on_change((environment, path))

    def add_row(self, environment: str, path: str, secret: Secret) -> None:
        """Add a row beside any that has its key: a duplicate or a personal override."""
        with self.lock:
            self.add_folder(environment, path).secrets.append(secret)

    def delete(self, environment: str, path: str, key: str) -> None:
        """Delete a secret, all duplicates included."""
        with self.lock:
            folder = self.folders[environment, path]
            folder.secrets = [secret for secret in folder.secrets if secret.key != key]
        self.on_change((environment, path))

    def add_import(self, environment: str, path: str, from_env: str, from_path: str) -> None:
        """Import a folder, at the last position."""
        with self.lock:
            self.add_folder(environment, path).imports.append((from_env, from_path))
        self.on_change((environment, path))

    def remove_import(self, environment: str, path: str, from_env: str, from_path: str) -> None:
        """Remove an import."""
        with self.lock:
            self.folders[environment, path].imports.remove((from_env, from_path))
        self.on_change((environment, path))

    def children(self, place: Place) -> list[str]:
        """Return the names of the direct sub-folders."""
        prefix = place[1].rstrip("/") + "/"
        with self.lock:
            return [
                path.removeprefix(prefix)
                for environment, path in self.folders
                if environment == place[0]
                and path.startswith(prefix)
                and path != prefix
                and "/" not in path.removeprefix(prefix)
            ]

    def imported(
        self, place: Place, seen: Places, may_read: Callable[[Place], bool] = lambda _: True
    ) -> list[Secret]:
        """Return a folder's rows followed by those it imports itself, circles cut."""
        folder = self.folders.get(place)
        if folder is None or place in seen or not may_read(place):
            return []
        seen.add(place)
        rows = [secret for secret in folder.secrets if not secret.personal]
        for deeper in folder.imports:
            rows += self.imported(deeper, seen, may_read)
        return rows

    def dependents(self, place: Place) -> Places:
        """Return the folders that import the place or refer into it."""
        with self.lock:
            return {
                other
                for other, folder in self.folders.items()
                if other != place
                and (
                    place in folder.imports
                    or any(place in _targets(secret.value) for secret in folder.secrets)
                )
            }


def _targets(value: str) -> set[Place]:
    parts = [reference.split(".") for reference in _REFERENCE.findall(value)]
    return {(first, "/" + "/".join(rest[:-1])) for first, *rest in parts if rest}
