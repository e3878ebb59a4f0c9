"""The management API: what can be chosen as the source of a sync."""

from functions.api.context import ApiContext, ParsedRequest, blaming_request
from functions.errors import Rejected, SourceMissing
from functions.plan.models import Folder
from functions.schemas.answers import Environment, FolderPath, Folders, Project, Projects

NOT_THERE = {
    "projectId": "Could not find the project with this ID (projectId), or the source hides it.",
    "environment": "Could not find this environment (its slug) in the project with this ID.",
    "secretPath": "Could not find the folder with this path (secretPath) in this environment.",
}
"""What is not there; what was given is not repeated, as it may be a value in the wrong field."""


def projects(context: ApiContext, request: ParsedRequest) -> Projects:
    """List the source's projects as far as it tells; a read token sees those that have syncs."""
    known = context.syncs.project_ids()
    if request.token.role == "read":
        return Projects(projects=[Project(id=project_id) for project_id in known])
    with blaming_request():
        found = context.source().projects(known)
    return Projects(
        projects=[
            Project(
                id=project.id,
                name=project.name,
                environments=None
                if project.environments is None
                else [Environment(slug=one.slug, name=one.name) for one in project.environments],
            )
            for project in found
        ]
    )


def folders(context: ApiContext, request: ParsedRequest) -> Folders:
    """List the sub-folders of a folder, and say whether it holds secrets."""
    source = context.source()
    folder = Folder(request.params["projectId"], request.query.environment, request.query.path)
    with blaming_request():
        try:
            paths = source.folders(folder)
            if paths is None:
                raise Rejected(501, "This source does not list its folders: type the path.")
            held = source.read(folder, sub_folders=False)
        except SourceMissing as missing:
            raise Rejected(404, NOT_THERE[missing.field]) from None
    return Folders(
        folders=[FolderPath(path=path) for path in paths],
        has_secrets=bool(held.secrets or held.errors),
    )
