"""Telling people (OCI Notifications) and dashboards (OCI Monitoring) about runs."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

import oci  # it loads the services that are named, when they are: no container waits for them
from oci import regions

from functions.cloud.clients import OciCalls
from functions.errors import DeadlineReached, OutOfTime, SyncError, Temporary

MOST_METRICS_AT_ONCE = 50
MOST_UNPOSTED = 500
OLDEST_METRIC = timedelta(hours=1, minutes=50)
"""Monitoring takes what is up to two hours old."""
MOST_SECONDS_AN_INVOCATION = 3.0
TIMEOUTS_SECONDS = (1.0, 1.0)
"""To connect, and to wait for an answer."""
LONGEST_TEXT_BYTES = 60_000
INGESTION = "https://telemetry-ingestion.{region}.{secondLevelDomain}"

logger = logging.getLogger(__name__)


class Unposted(deque[Any]):
    """Metrics that could not be posted yet, for the life of a container: the newest ones."""

    def __init__(self) -> None:
        super().__init__(maxlen=MOST_UNPOSTED)


class Notices:
    """A topic and a metrics namespace, each optional, for one invocation.

    Nobody waits for them: there is one try each, and where one fails or they took long there is no other in
    the invocation. Of what could not be told the status keeps count. What could not be counted stays in
    `unposted`, and is posted by a later invocation of the container with the time at which it was.
    """

    def __init__(
        self,
        calls: OciCalls,
        *,
        topic_ocid: str | None = None,
        namespace: str | None = None,
        unposted: Unposted | None = None,
    ) -> None:
        self._calls = calls
        self._unposted = Unposted() if unposted is None else unposted
        self._topic_ocid = topic_ocid
        self._namespace = namespace
        self._seconds_left = MOST_SECONDS_AN_INVOCATION

    def notify(self, subject: str, text: str) -> bool:
        topic = self._topic_ocid
        if topic is None:
            return True
        body = text.encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore")
        details = oci.ons.models.MessageDetails(title=subject, body=body)
        failure = self._try(
            oci.ons.NotificationDataPlaneClient,
            lambda client: client.publish_message(topic, details),
            what=f"topic {topic}",
        )
        return failure is None

    def count(self, metrics: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
        if self._namespace is None:
            return
        models, now = oci.monitoring.models, self._calls.clients.clock.now()
        waiting = self._unposted
        waiting.extend(
            models.MetricDataDetails(
                namespace=self._namespace,
                compartment_id=self._calls.clients.identity.compartment_id,
                name=name,
                dimensions=dict(dimensions),
                datapoints=[models.Datapoint(timestamp=now, value=value)],
            )
            for name, value in metrics.items()
        )
        while waiting and now - waiting[0].datapoints[0].timestamp > OLDEST_METRIC:
            waiting.popleft()
        while batch := list(islice(waiting, MOST_METRICS_AT_ONCE)):
            failure = self._post(models.PostMetricDataDetails(metric_data=batch))
            if isinstance(failure, (Temporary, OutOfTime)):
                return
            for _ in batch:
                waiting.popleft()

    def _post(self, details: Any) -> Exception | None:
        region = self._calls.clients.identity.region
        return self._try(
            oci.monitoring.MonitoringClient,
            lambda client: client.post_metric_data(details),
            what=f"metrics {self._namespace}",
            endpoint=regions.endpoint_for(
                "monitoring", region=region, service_endpoint_template=INGESTION
            ),
        )

    def _try(self, kind: Any, use: Callable[[Any], Any], **options: Any) -> Exception | None:
        """Make a call once; return why it failed, if it did."""
        if self._seconds_left <= 0:
            return DeadlineReached("Notices took their time of this invocation.")
        clients = self._calls.clients
        began_at = clients.clock.monotonic()
        try:
            self._calls.gate.check()
            clients.call(kind, use, **options)
        except Exception as error:  # noqa: BLE001 - no run fails because a notice does
            why = f": {error}" if isinstance(error, SyncError) else ""
            logger.warning("Notice not sent: %s%s", type(error).__name__, why)
            self._seconds_left = 0.0
            return error
        self._seconds_left -= clients.clock.monotonic() - began_at
        return None
