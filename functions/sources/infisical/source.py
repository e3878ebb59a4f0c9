"""Infisical, and what serves the same API, as the source of secrets."""

from collections.abc import Iterable, Mapping, Sequence

from functions.calls.retry import Retrying
from functions.errors import (
    Forbidden,
    NotFound,
    Refused,
    SourceMissing,
    Temporary,
)
from functions.plan.kept import Missing
from functions.plan.models import Folder, Origin, SourceSecret, SourceSecrets
from functions.ports import SourceProject
from functions.sources.http import SourceHttp
from functions.sources.infisical.browse import projects
from functions.sources.infisical.evidence import Evidence, Folders
from functions.sources.infisical.merge import (
    FOLDER_IMPORT,
    Block,
    Merged,
    flatten,
    overlaid,
    tell_apart,
)
from functions.sources.infisical.references import Expander
from functions.sources.infisical.routes import Api
from functions.sources.infisical.rows import (
    FolderAddress,
    Listing,
    Row,
    View,
    merged,
    refuse_masked,
    unique,
)
from functions.sources.infisical.write import write

LOGIN_PATH = "/api/v1/auth/universal-auth/login"
_MOST_FOLDERS_REFERRED_TO = 100
"""Each is a call, and whoever edits a folder decides to how many others its values refer."""
MOST_SUB_FOLDERS = 100
"""So many are listed one by one, where they are told apart and anything is imported."""


class Infisical:
    """The folders of an Infisical."""

    def __init__(self, http: SourceHttp, retrying: Retrying) -> None:
        self._api = Api(http, retrying)
        self._evidence: Evidence | None = None
        """What the last read showed, and what was asked since."""

    def ping(self) -> None:
        """Log in, and make one cheap call with the token."""
        self._api.ping()

    def write(
        self, folder: Folder, values: Mapping[str, str], *, replace: bool
    ) -> Mapping[str, str]:
        return write(self._api, folder, values, replace=replace)

    def read(self, folder: Folder, *, sub_folders: bool, by_folder: bool = False) -> SourceSecrets:
        # This comes first in any case: a recursive list hides what it may not read or cannot find.
        try:
            top = self._api.secrets(folder)
        except SourceMissing as missing:
            raise self._more_exact(missing, folder) from None
        if not top:
            self._prove_existence(folder)
        below = self._api.secrets(folder, recursive=True) if sub_folders else None
        refuse_masked(top, below or Listing())
        reading = _Reading(self._api, folder, top, below, by_folder=by_folder)
        result = reading.result()
        self._evidence = reading.evidence()
        return result

    def why_kept(self, folder: Folder, missing: Missing, *, may_ask: bool) -> str | None:
        if self._evidence is None:
            self.read(folder, sub_folders=False)
        assert self._evidence
        return self._evidence.why_kept(missing, may_ask=may_ask)

    def projects(self, known: Iterable[str]) -> Sequence[SourceProject]:
        return projects(self._api, known)

    def folders(self, folder: Folder) -> Sequence[str]:
        root = folder.path.rstrip("/")
        try:
            names = self._api.folders(folder)
        except NotFound as error:
            raise self._more_exact(SourceMissing(str(error)), folder) from None
        return [f"{root}/{name}" for name in sorted(names)]

    def _more_exact(self, missing: SourceMissing, folder: Folder) -> SourceMissing:
        """Return the error that says which is missing: project, environment or folder."""
        try:
            self._prove_existence(folder)
        except NotFound:
            return SourceMissing(str(missing), "projectId")
        except SourceMissing as exact:
            return exact
        except (Refused, Temporary):
            return missing
        return missing

    def _prove_existence(self, folder: Folder) -> None:
        """Some versions answer a list of what does not exist with nothing: look for the folder."""
        folders = Folders(self._api, folder.project_id)
        if folder.environment not in folders.environments:
            raise SourceMissing(
                f"Project {folder.project_id} has no environment {folder.environment}. "
                "Correct the sync's environment (its slug, in the right case).",
                "environment",
            )
        if not folders.has_path((folder.environment, folder.path)):
            raise SourceMissing(
                f"Environment {folder.environment} of project {folder.project_id} has no folder "
                f"{folder.path}. Create it, or correct the sync's secret path."
            )


class _Reading:
    """One read: what is known of the source's folders so far, and what it comes to."""

    def __init__(
        self, api: Api, folder: Folder, top: Listing, below: Listing | None, *, by_folder: bool
    ) -> None:
        self._api = api
        self._folder = folder
        self._folders = Folders(api, folder.project_id)
        self._place = (folder.environment, folder.path)
        self._top = top
        self._below = below
        self._by_folder = by_folder
        self._holders = self._sort_out_folders()
        self._views = {self._place: merged(top)}
        self._blocks = {self._place: _places(top)}
        self._unreadable: dict[FolderAddress, str] = {}
        self._referred_to: set[FolderAddress] = set()
        self._seen = {
            **self._holders,
            **{block[0]: merged(Listing(imports=(block,))) for block in top.imports},
        }

    def result(self) -> SourceSecrets:
        """Return the secrets, merged and expanded."""
        if self._by_folder:
            found = self._apart()
        else:
            view, nested = self._views[self._place], self._nested_imports()
            found = flatten(self._place, view, self._holders, nested)
        secrets, errors = [], found.errors
        expander = Expander(self._look_up, self._api.check)
        for address, held in sorted(found.rows.items()):
            row = held.row
            try:
                value, references = expander.expand(row)
                value.get_secret_value().encode()
            except UnicodeEncodeError:
                errors[address] = "its value holds characters that are not valid Unicode"
            except Refused as refusal:
                errors[address] = str(refusal)
            else:
                secrets.append(
                    SourceSecret(
                        row.key, value, held.origin, references, row.tags, held.folder, row.id
                    )
                )
        return SourceSecrets(tuple(secrets), errors, self._origins(), found.collisions)

    def _sort_out_folders(self) -> dict[FolderAddress, View]:
        """Return each folder's own secrets; a recursive list of /a also answers for /ab."""
        by_place: dict[FolderAddress, list[Row]] = {self._place: []}
        prefix = self._folder.path.rstrip("/") + "/"
        # One answer for all folders: a secret that is moved between two answers must not get lost.
        for row in (self._top if self._below is None else self._below).own:
            if row.place == self._place or row.place[1].startswith(prefix):
                by_place.setdefault(row.place, []).append(row)
        return {place: unique(rows) for place, rows in by_place.items()}

    def _apart(self) -> Merged:
        """Return each folder's keys: a recursive list shows what is imported, but not which folder does."""
        places, asks = set(self._holders), bool(self._below and self._below.imports)
        if asks:
            places |= set(self._folders.below(self._place, MOST_SUB_FOLDERS))
        views = {}
        for place in sorted(places):
            own = self._holders.get(place, View())
            view = self._readable_view(place) if asks else own
            views[place] = overlaid(view, place, own)
        return tell_apart(self._place, views)

    def _readable_view(self, place: FolderAddress) -> View:
        """Return a folder with its imports; nothing where this identity may not read it, as in any list."""
        try:
            return self._view(place)
        except Refused:
            if place in self._unreadable:
                return View()
            raise

    def _nested_imports(self) -> list[Block]:
        if self._below is None:
            return []
        tops = {place for place, _ in self._top.imports}
        return [block for block in self._below.imports if block[0] not in tops]

    def _origins(self) -> frozenset[Origin]:
        return frozenset(
            [Origin("import", *place) for place, _ in self._top.imports]
            + [Origin(FOLDER_IMPORT, *place) for place, _ in self._nested_imports()]
            + [Origin("folder", *place) for place in self._holders if place != self._place]
        )

    def _look_up(self, place: FolderAddress, key: str) -> Row | None:
        """Find what a reference refers to; a folder is listed at most once in a read."""
        seen = self._seen.get(place)
        if seen is None or key not in seen.rows:
            self._referred_to |= {place} - self._views.keys()
            if len(self._referred_to) > _MOST_FOLDERS_REFERRED_TO:
                raise Refused(
                    f"the synced folder refers to more than {_MOST_FOLDERS_REFERRED_TO} others"
                )
            seen = self._view(place)
        if key in seen.doubtful:
            raise Refused(f"it refers to {key}: {seen.doubtful[key]}")
        return seen.rows.get(key)

    def _view(self, place: FolderAddress) -> View:
        if place in self._unreadable:
            raise Refused(self._unreadable[place])
        if place not in self._views:
            environment, path = place
            try:
                listing = self._api.secrets(Folder(self._folder.project_id, environment, path))
            except (SourceMissing, NotFound):
                listing = Listing()
            except Forbidden as refusal:
                if self._folders.is_absent(place):
                    # Permission is judged before existence: `spring` of ${spring.datasource.url}.
                    self._views[place] = View()
                    return self._views[place]
                why = f"it refers to {environment}:{path}, which this identity may not read"
                self._unreadable[place] = f"{why} ({refusal})"
                raise Refused(self._unreadable[place]) from None
            self._views[place] = merged(listing)
            self._blocks[place] = _places(listing)
        return self._views[place]

    def evidence(self) -> Evidence:
        """Return what this read shows of imports, to judge what it does not show."""
        nested = frozenset(place for place, _ in self._nested_imports())
        project = self._folder.project_id
        return Evidence(
            self._api,
            project,
            self._folders,
            self._blocks,
            nested,
            has_sub_folders=self._below is not None,
            by_folder=self._by_folder,
        )


def _places(listing: Listing) -> tuple[FolderAddress, ...]:
    return tuple(place for place, _ in listing.imports)
