"""The small ones: Functions, Notifications, Monitoring, Identity."""

from collections.abc import Callable
from typing import NamedTuple

from functions.ports import Clock
from infra.local.http import Answer, Handler, Json, Request, Route, absent, invalid, page, wire_time


class Functions:
    """Invocations are handed to `on_invoke(function_id, body, detached)`, in the server's thread.

    A detached one is answered 202 as soon as the hook returns; the hook starts a thread where the
    caller must not wait.
    """

    def __init__(self, url: Callable[[], str]) -> None:
        self.ids: set[str] = set()
        self.on_invoke: Callable[[str, bytes, bool], bytes] = lambda _id, _body, _detached: b""
        self._url = url

    def routes(self) -> list[Route]:
        """Return the operations, in the API versions that SDKs use."""
        return [
            route
            for version in ("20181201", "20260325")
            for route in (
                Route(
                    *("GetFunction", "functions", "GET"),
                    f"/{version}/functions/<function_id>",
                    "function_id",
                    self._get,
                ),
                Route(
                    *("InvokeFunction", "functions", "POST"),
                    f"/{version}/functions/<function_id>/actions/invoke",
                    "function_id",
                    self._invoke,
                ),
            )
        ]

    def _check(self, function_id: str) -> None:
        if function_id not in self.ids:
            raise absent(f"function {function_id}")

    def _get(self, _request: Request, function_id: str) -> Answer:
        self._check(function_id)
        body = {"id": function_id, "lifecycleState": "ACTIVE", "invokeEndpoint": self._url()}
        return Answer(200, body)

    def _invoke(self, request: Request, function_id: str) -> Answer:
        self._check(function_id)
        detached = request.headers.get("fn-invoke-type") == "detached"
        result = self.on_invoke(function_id, request.body, detached)
        return Answer(202) if detached else Answer(200, result)


class Notice(NamedTuple):
    """A message published to a topic."""

    topic_id: str
    title: str
    body: str


class Watch:
    """Notifications and Monitoring: what was published is kept for inspection."""

    def __init__(self, clock: Clock) -> None:
        self.notices: list[Notice] = []
        self.metrics: list[Json] = []
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the operations."""
        topic = "/20181201/topics/<topic_id>/messages"
        return [
            Route("PublishMessage", "notify", "POST", topic, "topic_id", self._publish),
            Route("PostMetricData", "metrics", "POST", "/20180401/metrics", "", self._post),
        ]

    def _publish(self, request: Request, topic_id: str) -> Answer:
        body = request.json()
        self.notices.append(Notice(topic_id, body.get("title", ""), body["body"]))
        now = wire_time(self._clock.now())
        return Answer(202, {"messageId": f"message-{len(self.notices)}", "timeStamp": now})

    def _post(self, request: Request) -> Answer:
        rows = request.json()["metricData"]
        if not all(row.get("dimensions") for row in rows):
            raise invalid("Each metric needs at least one dimension.")
        self.metrics.extend(rows)
        return Answer(200, {"failedMetricsCount": 0, "failedMetrics": []})


class Identity:
    """One tenancy with compartments right below it; every user exists."""

    def __init__(self, tenancy_id: str) -> None:
        self.tenancy_id = tenancy_id
        self.compartments: dict[str, str] = {}

    def routes(self) -> list[Route]:
        """Return the operations."""
        base = "/20160918"
        rows: list[tuple[str, str, str, Handler]] = [
            ("ListCompartments", f"{base}/compartments", "compartmentId", self._list),
            ("GetCompartment", f"{base}/compartments/<one_id>", "one_id", self._compartment),
            ("GetTenancy", f"{base}/tenancies/<one_id>", "one_id", self._tenancy),
            ("GetUser", f"{base}/users/<one_id>", "one_id", self._user),
        ]
        return [
            Route(name, "identity", "GET", rule, key, handler) for name, rule, key, handler in rows
        ]

    def check(self, compartment_id: str) -> None:
        """Raise 404 unless it is the tenancy or one of its compartments."""
        if compartment_id != self.tenancy_id and compartment_id not in self.compartments:
            raise absent(f"compartment {compartment_id}")

    def _row(self, compartment_id: str) -> Json:
        return {
            "id": compartment_id,
            "compartmentId": self.tenancy_id,
            "name": self.compartments[compartment_id],
            "lifecycleState": "ACTIVE",
        }

    def _list(self, request: Request) -> Answer:
        below = request.query.get("compartmentId") == self.tenancy_id
        shown, headers = page([self._row(one) for one in self.compartments if below], request)
        return Answer(200, shown, headers)

    def _compartment(self, _request: Request, one_id: str) -> Answer:
        if one_id == self.tenancy_id:
            return Answer(200, {"id": one_id, "name": "local", "lifecycleState": "ACTIVE"})
        self.check(one_id)
        return Answer(200, self._row(one_id))

    def _tenancy(self, _request: Request, one_id: str) -> Answer:
        if one_id != self.tenancy_id:
            raise absent(f"tenancy {one_id}")
        return Answer(200, {"id": one_id, "name": "local", "homeRegionKey": "FRA"})

    def _user(self, _request: Request, one_id: str) -> Answer:
        body = {"id": one_id, "compartmentId": self.tenancy_id, "lifecycleState": "ACTIVE"}
        return Answer(200, {**body, "name": "local"})
