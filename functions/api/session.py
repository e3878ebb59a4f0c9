"""The management API: who asks, what this server is, and the emergency stop."""

from datetime import timedelta

from functions.api.context import ApiContext, ParsedRequest
from functions.jobs import pause as stop
from functions.schemas.answers import LoggedIn, PauseShown, Session, SourceShown
from functions.schemas.requests import Login, read
from functions.state.stop import Pause, load_pause
from functions.version import VERSION

WITHOUT_END = timedelta(days=30)
"""How long a token that does not expire is said to be valid."""


def get(context: ApiContext, request: ParsedRequest) -> Session:
    """Say what this token may do, what this server is, and whether all syncs are paused."""
    return _session(context, request, load_pause(context.dispatcher.services.store))


def pause(context: ApiContext, request: ParsedRequest) -> Session:
    """Pause all syncs: no job starts, and running ones stop within seconds, until they are resumed."""
    holder = request.token.holder
    return _session(context, request, stop.pause(context.dispatcher.services, holder))


def resume(context: ApiContext, request: ParsedRequest) -> Session:
    """Resume the syncs: what changed meanwhile is synced by the next ticks."""
    holder = request.token.holder
    return _session(context, request, stop.resume(context.dispatcher.services, holder))


def log_in(context: ApiContext, request: ParsedRequest) -> LoggedIn:
    """Log in as clients of Universal Auth do: `clientId` is the name of a token, `clientSecret` the token.

    The access token is that token: nothing is issued, and removing its hash revokes it.
    """
    given = read(Login, request.body)
    token = given.client_secret.get_secret_value()
    entry = context.log_in(given.client_id, token)
    left = entry.expires_at - context.now() if entry.expires_at else WITHOUT_END
    seconds = int(left.total_seconds())
    return LoggedIn(access_token=token.strip(), expires_in=seconds, max_ttl=seconds)


def _session(context: ApiContext, request: ParsedRequest, state: Pause | None) -> Session:
    about, is_on = context.about, state is not None and state.is_on
    return Session(
        role=request.token.role,
        name=request.token.holder,
        version=VERSION,
        source=SourceShown(kind=about.source_kind, url=about.source_url),
        region=about.region,
        reconcile_interval_seconds=about.reconcile_interval_seconds,
        is_paused=is_on,
        pause=PauseShown(since=state.since, by=state.by) if state and is_on else None,
    )
