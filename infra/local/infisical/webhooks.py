"""The webhooks of the simulated Infisical: late, debounced, signed, retried a little, then lost."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import urllib3

from functions.ports import Clock

Place = tuple[str, str]
RETRIES_AFTER_SECONDS = (0.24, 0.46, 0.87)
_TIMEOUT_SECONDS = 15.0
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver an event; status 0 means that nobody answered."""

    place: Place
    body: bytes
    status: int


def sign(body: bytes, secret: str, timestamp_ms: int) -> str:
    """Return the value of `x-infisical-signature`."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return f"t={timestamp_ms};{mac}"


class Webhooks:
    """Delivers an event for each changed place, then one for each folder that depends on it."""

    def __init__(
        self,
        clock: Clock,
        project_id: str,
        dependents: Callable[[Place], Iterable[Place]],
        *,
        url: str | None,
        secret: str | None,
        delay_seconds: float,
    ) -> None:
        self.url = url
        self.secret = secret
        self.delay_seconds = delay_seconds
        self.retries_after_seconds: tuple[float, ...] = RETRIES_AFTER_SECONDS
        self.deliveries: list[Delivery] = []
        self._clock = clock
        self._project_id = project_id
        self._dependents = dependents
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False)
        self._lock = threading.Lock()
        self._timers: dict[Place, threading.Timer] = {}
        self._stopped = False

    def changed(self, place: Place, depth: int = 0) -> None:
        """Note a change; changes of one place within the delay share an event."""
        with self._lock:
            if self._stopped or self.url is None or place in self._timers:
                return
            timer = threading.Timer(self.delay_seconds, self._fire, (place, depth))
            timer.daemon = True
            self._timers[place] = timer
            timer.start()

    def test(self, environment: str, glob: str) -> None:
        """Deliver the `test` event; its path is the webhook's glob."""
        self._deliver("test", (environment, glob))

    def stop(self) -> None:
        """Cancel what waits and wait for what is being delivered."""
        with self._lock:
            self._stopped = True
            timers = list(self._timers.values())
        for timer in timers:
            timer.cancel()
            timer.join()
        self._pool.clear()

    def _fire(self, place: Place, depth: int) -> None:
        # As on the real server, a change while its event is being delivered gets no event.
        self._deliver("secrets.modified", place)
        with self._lock:
            del self._timers[place]
        if depth < _DEEPEST:
            for dependent in self._dependents(place):
                self.changed(dependent, depth + 1)

    def _deliver(self, event: str, place: Place) -> None:
        timestamp_ms = int(self._clock.now().timestamp() * 1000)
        body = self._body(event, place, timestamp_ms)
        headers = {"Content-Type": "application/json", "User-Agent": "axios/1.7.4"}
        if self.secret:
            headers["x-infisical-signature"] = sign(body, self.secret, timestamp_ms)
        for pause_seconds in (*self.retries_after_seconds, None):
            status = self._post(body, headers)
            self.deliveries.append(Delivery(place, body, status))
            if 0 < status < 500 or pause_seconds is None or self._stopped:
                return
            self._clock.sleep(pause_seconds)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        if self.url is None:
            return 0
        try:
            return self._pool.request("POST", self.url, body=body, headers=headers).status
        except urllib3.exceptions.HTTPError:
            return 0

    def _body(self, event: str, place: Place, timestamp_ms: int) -> bytes:
        project = {
            "workspaceId": self._project_id,
            "projectId": self._project_id,
            "projectName": self._project_id,
            "environment": place[0],
            "environmentName": place[0].capitalize(),
            "secretPath": place[1],
        }
        if event != "test":
            project |= {"changedBy": "local", "changedByActorType": "user"}
        payload = {"event": event, "project": project, "timestamp": timestamp_ms}
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
