"""What the routes of the simulated Infisical do."""

import re
from dataclasses import dataclass, field
from typing import Any

from infra.local.http import Answer, Request
from infra.local.infisical.source import FolderRow, Place, Secret, Source

HIDDEN = "<hidden-by-infisical>"


class Refusal(Exception):
    """An answer that says no, in the form of Infisical's error handler."""

    def __init__(self, status: int, error: str, message: object) -> None:
        super().__init__(error)
        body = {"reqId": "req-local", "statusCode": status, "message": message, "error": error}
        self.answer = Answer(status, body)


@dataclass(kw_only=True)
class Endpoints:
    """The routes' work on a source. The attributes may be changed at any time.

    `masked` hides all values, `hidden` those of single keys (environment, folder path and key), `forbidden`
    folders cannot be read or written, `secret_lists` are folders
    whose import list cannot be read, `secret_folders` such whose sub-folders cannot be listed. `allowed`
    limits a role to environments: any other is refused whether it exists or not. With `keeps_blocks` an
    import that may not be read stays in the answer, empty, as newer servers do; `hidden_projects` hide what
    is imported from them. `rotated` keys cannot be changed, with `approvals` every change only waits for
    one, and a list of a place in `mistaken` is answered with another's, as by a cache that mixes up
    addresses.
    """

    source: Source = field(default_factory=Source)
    api: str = "v4"
    approvals: bool = False
    masked: bool = False
    forbidden: set[Place] = field(default_factory=set)
    secret_lists: set[Place] = field(default_factory=set)
    secret_folders: set[Place] = field(default_factory=set)
    allowed: set[str] | None = None
    keeps_blocks: bool = False
    hidden_projects: set[str] = field(default_factory=set)
    hidden: set[tuple[str, str, str]] = field(default_factory=set)
    rotated: set[str] = field(default_factory=set)
    mistaken: dict[Place, Place] = field(default_factory=dict)

    def status(self, _: Request) -> dict[str, Any]:
        """Say that the server is up."""
        return {"message": "Ok"}

    def project(self, _: Request, project: str) -> dict[str, Any]:
        """Describe the project and its environments."""
        self._check_project(project)
        return {"project" if self.api == "v4" else "workspace": self._project()}

    def projects(self, _: Request) -> dict[str, Any]:
        """List the projects of the identity; the server of 2024 lists them to people only."""
        if self.api != "v4":
            raise Refusal(403, "Forbidden access", "You are not allowed to access this resource")
        return {"projects": [self._project()]}

    def _project(self) -> dict[str, Any]:
        rows = [{"id": slug, "slug": slug, "name": slug} for slug in self.source.environments]
        source = self.source
        return {"id": source.project_id, "name": source.project_name, "environments": rows}

    def folders(self, request: Request) -> dict[str, Any]:
        """List direct sub-folders; nothing where the folder does not exist."""
        environment, path = self._place(request.query, "path")
        if (environment, path) in self.secret_folders:
            raise Refusal(403, "PermissionDenied", "You are not allowed to read on secret-folders")
        if environment not in self.source.environments:
            raise Refusal(404, "NotFound", "Environment not found")
        names = self.source.children((environment, path))
        return {"folders": [{"id": name, "name": name} for name in names]}

    def create_folder(self, request: Request) -> dict[str, Any]:
        """Create a folder and its parents; one that is there is no error."""
        environment, path, name = self._folder(request, request.json()["name"])
        self.source.add_folder(environment, path)
        return {"folder": {"id": name, "name": name}}

    def delete_folder(self, request: Request, name: str) -> dict[str, Any]:
        """Delete a folder and what is below it."""
        environment, path, name = self._folder(request, name)
        if (environment, path) not in self.source.folders:
            raise Refusal(404, "Delete folder", "Folder not found")
        self.source.delete_folder(environment, path)
        return {"folder": {"id": name, "name": name}}

    def _folder(self, request: Request, name: str) -> tuple[str, str, str]:
        environment, parent = self._place(request.json(), "path")
        if environment not in self.source.environments:
            raise Refusal(404, "NotFound", "Environment not found")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise Refusal(500, "Find by secret path", "Something went wrong")
        return environment, f"{parent.rstrip('/')}/{name}", name

    def imports(self, request: Request) -> dict[str, Any]:
        """List what a folder imports."""
        place = self._place(request.query, "path")
        if place in self.secret_lists:
            raise Refusal(403, "PermissionDenied", "You are not allowed to read on secret-imports")
        folder = self.source.folders.get(place)
        if folder is None:
            raise Refusal(404, "NotFound", "Folder not found")
        rows = [
            {"importPath": path, "importEnv": {"slug": slug}, "position": position}
            for position, (slug, path) in enumerate(folder.imports, 1)
        ]
        rows += [
            {"importPath": path, "importEnv": {"slug": slug, "projectId": project}, "position": 99}
            for project, (slug, path), _ in self.source.foreign.get(place, ())
        ]
        return {"message": "Successfully fetched secret imports", "secretImports": rows}

    def secrets(self, request: Request) -> dict[str, Any]:
        """List secrets."""
        query = request.query
        asked = self._place(query, "secretPath")
        place = self.mistaken.get(asked, asked)
        recursive = query.get("recursive") == "true"
        with self.source.lock:
            folder = self.source.folders.get(place)
            if not (recursive or self._may_read(place)):
                raise Refusal(403, "PermissionDenied", "You are not allowed to read on secrets")
            if folder is None:
                return self._no_folder(place, recursive=recursive)
            # The real server matches a prefix of the path, not of its folders.
            folders = {
                other: row
                for other, row in self.source.folders.items()
                if other == place
                or (recursive and other[0] == place[0] and other[1].startswith(place[1]))
            }
            readable = {p: row for p, row in folders.items() if self._may_read(p)}
            rows = [
                {**self._row(p, s), "tags": [{"slug": tag, "name": tag} for tag in s.tags]}
                for p, row in readable.items()
                for s in row.secrets
            ]
            return {"secrets": rows, "imports": self._blocks(query, place, readable)}

    def _no_folder(self, place: Place, *, recursive: bool) -> dict[str, Any]:
        if self.api == "v4":
            message = f"Folder with path '{place[1]}' in environment '{place[0]}' was not found."
            raise Refusal(404, "SecretPathNotFound", message)
        if recursive and place[0] not in self.source.environments:
            raise Refusal(500, "InternalServerError", "Something went wrong")
        return {"secrets": [], "imports": []}

    def _blocks(
        self, query: dict[str, str], asked: Place, folders: dict[Place, FolderRow]
    ) -> list[Any]:
        if query.get("includeImports" if self.api == "v4" else "include_imports") != "true":
            return []
        blocks = [
            {
                "environment": place[0],
                "secretPath": place[1],
                "secrets": [
                    self._row(place, s)
                    for s in self.source.imported(place, {asked}, self._may_read)
                ],
            }
            for folder in folders.values()
            for place in folder.imports
            if self.keeps_blocks or self._may_read(place)
        ]
        foreign = [
            {
                "environment": place[0],
                "secretPath": place[1],
                "secrets": [{**self._row(place, s), "workspace": project} for s in secrets],
            }
            for folder in folders
            for project, place, secrets in self.source.foreign.get(folder, ())
            if project not in self.hidden_projects
        ]
        return blocks + foreign

    def _may_read(self, place: Place) -> bool:
        return place not in self.forbidden and (self.allowed is None or place[0] in self.allowed)

    def _row(self, place: Place, secret: Secret) -> dict[str, Any]:
        is_hidden = self.masked or (*place, secret.key) in self.hidden
        return {
            "id": secret.id,
            "version": secret.version,
            "type": "personal" if secret.personal else "shared",
            "environment": place[0],
            "secretPath": place[1],
            "secretKey": secret.key,
            "secretValue": HIDDEN if is_hidden else secret.value,
            "secretValueHidden": is_hidden,
            "skipMultilineEncoding": secret.quotes_lines,
        }

    def create(self, request: Request) -> dict[str, Any]:
        """Create secrets, all or none."""
        return self._change(request, request.json()["secrets"], new=True)

    def update(self, request: Request) -> dict[str, Any]:
        """Update secrets, all or none."""
        return self._change(request, request.json()["secrets"], new=False)

    def delete(self, request: Request) -> dict[str, Any]:
        """Delete secrets."""
        place = self._place(request.json(), "secretPath")
        for row in request.json()["secrets"]:
            self.source.delete(*place, row["secretKey"])
        return {"secrets": request.json()["secrets"]}

    def create_one(self, request: Request, key: str) -> dict[str, Any]:
        """Create a secret."""
        return self._change(request, [{**request.json(), "secretKey": key}], new=True)

    def update_one(self, request: Request, key: str) -> dict[str, Any]:
        """Update a secret."""
        return self._change(request, [{**request.json(), "secretKey": key}], new=False)

    def delete_one(self, request: Request, key: str) -> dict[str, Any]:
        """Delete a secret."""
        self.source.delete(*self._place(request.json(), "secretPath"), key)
        return {"secret": {"secretKey": key}}

    def _change(self, request: Request, rows: list[dict[str, str]], *, new: bool) -> dict[str, Any]:
        place = self._place(request.json(), "secretPath")
        with self.source.lock:
            folder = self.source.folders.get(place)
            if folder is None:
                raise Refusal(404, "NotFound", "Folder not found for the given secret path")
            if place in self.forbidden:
                raise Refusal(403, "PermissionDenied", "You are not allowed to edit on secrets")
            held = [row["secretKey"] for row in rows if folder.get(row["secretKey"])]
            if new and held:
                raise Refusal(400, "BadRequest", f"Secret already exist: {','.join(held)}")
            if not new and len(held) < len(rows):
                raise Refusal(404, "NotFound", f"Secret does not exist: {','.join(held)}")
            if self.rotated & {row["secretKey"] for row in rows}:
                raise Refusal(400, "BadRequest", "Cannot change a rotated secret")
            if self.approvals:
                return {"approval": {"id": "approval", "status": "open"}}
            for row in rows:
                value = row["secretValue"]
                stored = value.strip() + ("\n" if value.endswith("\n") else "")
                self.source.set(*place, row["secretKey"].strip(), stored)
        return {"secrets": [{"secretKey": row["secretKey"]} for row in rows]}

    def _place(self, given: dict[str, Any], path: str) -> Place:
        self._check_project(given.get("projectId" if self.api == "v4" else "workspaceId"))
        return given.get("environment", ""), given.get(path, "/").rstrip("/") or "/"

    def _check_project(self, project: str | None) -> None:
        if project != self.source.project_id:
            raise Refusal(404, "NotFound", f"Project with ID '{project}' not found")
