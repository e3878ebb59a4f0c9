"""Hanzo KMS (`/v1/kms`) as the source of secrets.

The organisation is the sync's project, the KMS path its secret path. There are no folders, imports or
references: a folder exists as long as a secret is in it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from functions.calls.retry import Retrying
from functions.errors import NotFound, Refused, SourceMissing, Temporary, Unauthorized
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, SourceSecret, SourceSecrets, address_of
from functions.ports import SourceProject
from functions.sources.http import SourceHttp, encodable, url_path

LOGIN_PATH = "/v1/kms/auth/login"
_SECRETS = "/v1/kms/orgs/{org}/secrets"


class HanzoKms:
    """The secrets of a Hanzo KMS."""

    def __init__(self, http: SourceHttp, retrying: Retrying) -> None:
        self._http = http
        self._retrying = retrying

    def ping(self) -> None:
        """Log in, and make one cheap call with the token."""
        self._http.request(self._retrying, "GET", "/v1/kms/health")

    def read(self, folder: Folder, *, sub_folders: bool, by_folder: bool = False) -> SourceSecrets:
        """Return the secrets under the folder's path that the environment has."""
        found: dict[str, SourceSecret] = {}
        held: dict[str, list[str]] = {}
        errors: dict[str, str] = {}
        for path, key, is_sure in sorted(set(self._names(folder, sub_folders=sub_folders))):
            below = path.removeprefix(folder.path).strip("/") if by_folder else ""
            address = address_of(below, key)
            try:
                value = self._value(folder, path, key)
            except Unauthorized:
                raise
            except Refused as refusal:
                errors[address] = str(refusal)
                continue
            if value is None and is_sure:
                errors[address] = "the list shows it in this environment, but it cannot be read"
            if value is not None:
                held.setdefault(address, []).append(path)
                origin = None if path == folder.path else _origin(folder, path)
                found[address] = SourceSecret(key, value, origin, folder=below)
        if not found and not errors:
            raise SourceMissing(
                f"Organisation {folder.project_id} has no secret under {folder.path} in environment "
                f"{folder.environment}, or hides it from this identity."
            )
        return SourceSecrets(
            tuple(s for k, s in found.items() if len(held[k]) == 1 and k not in errors),
            errors,
            frozenset(secret.origin for secret in found.values() if secret.origin),
            {key: tuple(paths) for key, paths in held.items() if len(paths) > 1},
        )

    def why_kept(self, folder: Folder, missing: Missing, *, may_ask: bool) -> str | None:
        """There are no imports: a key that is not listed is gone, unless its sub-folder is hidden."""
        if missing.giver is None:
            return None
        why = f"the {missing.giver} is not readable any more"
        if not may_ask or missing.giver.kind != "folder":
            return why
        there = Folder(folder.project_id, missing.giver.environment, missing.giver.path)
        try:
            names = self._names(there, sub_folders=False)
            shown = any(
                key == missing.key and (is_sure or self._value(there, path, key) is not None)
                for path, key, is_sure in names
            )
        except (Refused, Temporary):
            return why
        return why if shown else None

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        """Create `values` (replace existing ones with `replace`); return refusals: key -> why."""
        refused: dict[str, str] = {}
        for key, value in values.items():
            try:
                held = self._value(folder, folder.path, key)
                if held is not None and held.get_secret_value() == value:
                    continue
                if held is not None and not replace:
                    refused[key] = "the source holds the key already, with another value"
                    continue
                self._put(folder, key, value)
            except Unauthorized:
                raise
            except Refused as refusal:
                refused[key] = f"the source refused it ({refusal})"
        return refused

    def projects(self, known: Iterable[str]) -> Sequence[SourceProject]:
        return [SourceProject(project_id) for project_id in known]

    def folders(self, folder: Folder) -> None:
        """Return nothing: there are no folders."""

    def _names(self, folder: Folder, *, sub_folders: bool) -> Iterator[tuple[str, str, bool]]:
        """List paths, names, and whether the list itself says that the environment has them.

        It may show other environments and paths too.
        """
        prefix = folder.path.strip("/")
        query = {"prefix": prefix, "env": folder.environment}
        body = self._http.request(self._retrying, "GET", _SECRETS, query, org=_org(folder))
        below = f"{folder.path.rstrip('/')}/"
        for row in _rows(body):
            path, name = "/" + encodable(str(row.get("path", "")).strip("/")), row.get("name")
            if row.get("env") not in (None, "", folder.environment) or not isinstance(name, str):
                continue
            if path == folder.path or (sub_folders and path.startswith(below)):
                yield path, encodable(name), row.get("env") == folder.environment

    def _value(self, folder: Folder, path: str, key: str) -> SecretStr | None:
        folders = path.strip("/").split("/") if path != "/" else []
        try:
            body = self._http.request(
                self._retrying,
                "GET",
                f"{_SECRETS}/{{name}}",
                {"env": folder.environment},
                org=_org(folder),
                name=url_path(*folders, key),
            )
        except NotFound:
            return None
        secret = body.get("secret")
        value = secret.get("value") if isinstance(secret, dict) else body.get("value")
        if "value" not in (secret if isinstance(secret, dict) else body):
            raise Temporary(f"The source's answer for {key} is not in a form that is known here.")
        if not isinstance(value, str):
            raise Refused(f"The source's answer for {key} has no value.")
        return SecretStr(value)

    def _put(self, folder: Folder, key: str, value: str) -> None:
        body = {
            "path": folder.path.strip("/"),
            "name": key,
            # Left out, it would silently mean the environment "default".
            "env": folder.environment,
            "value": value,
        }
        self._http.request(self._retrying, "POST", _SECRETS, None, body, org=_org(folder))


def _origin(folder: Folder, path: str) -> Origin:
    return Origin("folder", folder.environment, path)


def _org(folder: Folder) -> str:
    return url_path(folder.project_id)


def _rows(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = body.get("secrets", body.get("items"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Temporary("The source's list of secrets is not in a form that is known here.")
    return rows
