"""Looking around in Infisical: what can be chosen as the folder of a sync."""

from collections.abc import Iterable, Mapping
from typing import Any

from functions.errors import Refused, Temporary
from functions.ports import SourceEnvironment, SourceProject
from functions.sources.infisical.routes import Api

_MOST_ASKED_FOR = 10


def projects(api: Api, known: Iterable[str]) -> tuple[SourceProject, ...]:
    """Return the projects that the identity sees, and those of `known` that the list leaves out."""
    try:
        rows = api.projects()
    except Refused:  # some versions list projects to people only
        rows = ()
    found = {project.id: project for project in map(_project, rows)}
    missing = [project_id for project_id in known if project_id not in found]
    for number, project_id in enumerate(missing):
        found[project_id] = SourceProject(project_id)
        if number < _MOST_ASKED_FOR:
            try:
                found[project_id] = _project(api.project(project_id))
            except (Refused, Temporary):
                continue
    return tuple(found.values())


def _project(row: Mapping[str, Any]) -> SourceProject:
    try:
        environments = [
            SourceEnvironment(str(one["slug"]), str(one.get("name") or one["slug"]))
            for one in row.get("environments") or ()
        ]
        return SourceProject(str(row["id"]), row.get("name"), tuple(environments))
    except (KeyError, TypeError, AttributeError):
        raise Temporary(
            "The source's list of projects is not in a form that is known here."
        ) from None
