"""Commands that read or repair, and the emergency stop: by the same functions as the routes."""

from collections.abc import Callable, Mapping

from pydantic import BaseModel

from functions.api import check, repair, session, syncs
from functions.api.context import BY_IAM, ApiContext, ParsedRequest
from functions.schemas.requests import DraftQuery, ListQuery
from functions.triggers.command import ApiCommandName, Command

_Serve = Callable[[ApiContext, ParsedRequest], BaseModel]
_OF_ONE_SYNC: Mapping[ApiCommandName, _Serve] = {
    "status": syncs.get,
    "runs": syncs.runs,
    "undo": repair.undo,
    "cleanup": repair.clean_up,
}
_OF_ALL: Mapping[ApiCommandName, _Serve] = {"pause": session.pause, "resume": session.resume}


def plan(command: Command, context: ApiContext) -> dict[str, object]:
    """Return what a sync would do. Raises NotFound, InvalidInput."""
    sync = context.dispatcher.configs.find(command.named_sync)
    shown = context.plan(sync).model_dump(mode="json", by_alias=True)
    return {"sync": sync.config.name, "id": str(sync.id), "plan": shown}


def serve(name: ApiCommandName, command: Command, context: ApiContext) -> BaseModel:
    """Return what the route of the command answers. Raises NotFound, InvalidInput."""
    if name in _OF_ALL:
        return _OF_ALL[name](context, ParsedRequest({}, BY_IAM))
    if name == "list":
        query = ListQuery(project_id=command.project)
        return syncs.listing(context, ParsedRequest({}, BY_IAM, query))
    find = context.dispatcher.configs.find
    if name == "check":
        wanted = find(command.sync).id if command.sync else None
        return check.check(context, ParsedRequest({}, BY_IAM, DraftQuery(sync_id=wanted)))
    sync_id = str(find(command.named_sync).id)
    params = {"syncId": sync_id, "runId": command.run or ""}
    return _OF_ONE_SYNC[name](context, ParsedRequest(params, BY_IAM))
