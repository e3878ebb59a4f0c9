"""The routes of Infisical that a sync needs, in the versions that servers have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.calls.retry import Retrying
from functions.errors import NotFound, Refused, SourceMissing, Temporary
from functions.plan.models import Folder
from functions.sources.errors import RouteMissing
from functions.sources.http import SourceHttp, url_path
from functions.sources.infisical.rows import FolderAddress, Listing, parse, place_in


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    project: str
    """What this version calls the project's id."""


_ROUTES = {
    "secrets": (
        _Route("/api/v4/secrets", "projectId"),
        _Route("/api/v3/secrets/raw", "workspaceId"),
    ),
    "batch": (
        _Route("/api/v4/secrets/batch", "projectId"),
        _Route("/api/v3/secrets/batch/raw", "workspaceId"),
    ),
    "folders": (
        _Route("/api/v2/folders", "projectId"),
        _Route("/api/v1/folders", "workspaceId"),
    ),
    "imports": (
        _Route("/api/v2/secret-imports", "projectId"),
        _Route("/api/v1/secret-imports", "workspaceId"),
    ),
    "projects": (
        _Route("/api/v1/projects", "project"),
        _Route("/api/v1/workspace", "workspace"),
    ),
    "project": (
        _Route("/api/v1/projects/{project}", "project"),
        _Route("/api/v1/workspace/{project}", "workspace"),
    ),
}


class Api:
    """One invocation's calls."""

    def __init__(self, http: SourceHttp, retrying: Retrying) -> None:
        self._http = http
        self._retrying = retrying

    def check(self) -> None:
        """Raise OutOfTime where the time of the invocation is used up."""
        self._retrying.check()

    def ping(self) -> None:
        """Make one call with the token."""
        self._http.login(self._retrying)
        self._http.request(self._retrying, "GET", "/api/status")

    def secrets(self, folder: Folder, *, recursive: bool = False) -> Listing:
        """List a folder with its imports. Raises SourceMissing where the server says so."""
        query = {
            "environment": folder.environment,
            "secretPath": folder.path,
            "recursive": "true" if recursive else "false",
            # Versions differ in the name and default of these.
            "include_imports": "true",
            "includeImports": "true",
            "expandSecretReferences": "false",
            "viewSecretValue": "true",
        }
        try:
            body = self._routed("secrets", folder.project_id, query=query)
        except RouteMissing as error:
            raise Refused(f"{error}: is SOURCE_KIND right?") from None
        except NotFound as error:
            raise SourceMissing(
                f"The source has no folder {folder.path} in environment {folder.environment} of "
                f"project {folder.project_id}, or hides it from this identity. ({error})"
            ) from None
        place = (folder.environment, folder.path)
        return parse(body, folder.project_id, place, recursive=recursive)

    def environments(self, project_id: str) -> set[str]:
        """Return the slugs of a project's environments."""
        return {row["slug"] for row in _list(self.project(project_id), "environments")}

    def project(self, project_id: str) -> Mapping[str, Any]:
        """Return what a project is called, and its environments."""
        body = self._routed("project", project_id)
        found: Mapping[str, Any] = body.get("project") or body.get("workspace") or body
        return found

    def projects(self) -> Sequence[Mapping[str, Any]]:
        """Return the projects that this identity sees. Some versions refuse identities this list."""
        body = self._routed("projects")
        return _list(body, "projects" if "projects" in body else "workspaces")

    def folders(self, folder: Folder) -> set[str]:
        """Return the names of a folder's direct sub-folders (nothing where it does not exist)."""
        query = {"environment": folder.environment, "path": folder.path}
        body = self._routed("folders", folder.project_id, query=query)
        return {row["name"] for row in _list(body, "folders")}

    def imports(self, folder: Folder) -> list[FolderAddress]:
        """Return what a folder imports, in the order in which a later one counts more."""
        query = {"environment": folder.environment, "path": folder.path}
        body = self._routed("imports", folder.project_id, query=query)
        ours = folder.project_id
        try:
            rows = sorted(_list(body, "secretImports"), key=lambda row: row.get("position", 0))
            places = [(row["importEnv"], row["importPath"]) for row in rows]
            return [place_in(env.get("projectId"), ours, env["slug"], path) for env, path in places]
        except (KeyError, TypeError, AttributeError):
            raise Temporary("The source's list of imports is not in a form known here.") from None

    def write(self, method: str, folder: Folder, values: Mapping[str, str]) -> dict[str, Any]:
        """Create (POST) or update (PATCH) secrets, all or none."""
        body = {
            "environment": folder.environment,
            "secretPath": folder.path,
            "secrets": [{"secretKey": key, "secretValue": value} for key, value in values.items()],
        }
        answer = self._routed("batch", folder.project_id, method=method, body=body)
        if not {"secrets", "approval"} & answer.keys():
            raise Temporary("The source's answer does not say whether secrets were written.")
        return answer

    def _routed(
        self,
        name: str,
        project_id: str | None = None,
        *,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        def call(route: _Route) -> dict[str, Any]:
            named = {route.project: project_id or ""}
            return self._http.request(
                self._retrying,
                method,
                route.path,
                None if query is None else {**named, **query},
                None if body is None else {**named, **body},
                project="" if project_id is None else url_path(project_id),
            )

        newer, older = _ROUTES[name]
        if name not in self._http.older_routes:
            try:
                return call(newer)
            except RouteMissing:
                pass
        self._http.older_routes.add(name)
        try:
            return call(older)
        except RouteMissing:
            self._http.older_routes.discard(name)
            raise


def _list(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise Temporary(f"The source's answer has no list of {name}.")
    return rows
