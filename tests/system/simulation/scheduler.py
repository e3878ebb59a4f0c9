"""Virtual time and fibers: whoever waits lets others go on; ties are broken by the seed."""

from collections import deque
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from greenlet import GreenletExit, getcurrent, greenlet

START = datetime(2026, 1, 1, tzinfo=UTC)


class Fiber(greenlet):
    """One thread of an invocation; `ticket` tells its newest wake-up from those overtaken."""

    ticket = 0


class Scheduler:
    """The clock of the outside world, and what is to happen when."""

    def __init__(self, random):
        self.random = random
        self.seconds = 0.0
        self.fibers = 0
        self.jumped_at = 0.0
        self._hub = getcurrent()
        self._agenda = []
        self._tickets = count(1)

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    def at(self, seconds, event):
        """Have a function called at a time; it must not wait."""
        heappush(self._agenda, (seconds, self.random.random(), next(self._tickets), event))

    def wake(self, fiber, seconds):
        fiber.ticket = ticket = next(self._tickets)
        heappush(self._agenda, (seconds, self.random.random(), ticket, fiber))

    def sleep(self, seconds):
        self.wake(getcurrent(), self.seconds + seconds)
        self._hub.switch()

    def jump(self, seconds):
        """Let time pass in which nobody does anything: all that was due meanwhile is late."""
        self.seconds += seconds
        self.jumped_at = self.seconds

    def run(self, until):
        """Let everything happen that is due until then."""
        while self._agenda and self._agenda[0][0] <= until:
            at, _, ticket, what = heappop(self._agenda)
            self.seconds = max(self.seconds, at)
            if not isinstance(what, Fiber):
                what()
            elif what.ticket == ticket and not what.dead:
                what.switch()
        self.seconds = max(self.seconds, until)


class Process:
    """A container with one invocation: its clock, its fibers, its end. A crash ends all at once.

    `seen` notes when each object was read last with which ETag; `view` is what its newest run sees.
    """

    def __init__(self, scheduler, name, skew):
        self.name = name
        self.is_crashed = False
        self.seen = {}
        self.view = None
        self.frozen_until = 0.0
        self.on_crash = lambda: None
        self._scheduler = scheduler
        self._skew = timedelta(seconds=skew)
        self._fibers = []

    @property
    def is_alive(self):
        return any(not fiber.dead for fiber in self._fibers)

    def check_alive(self):
        if self.is_crashed:
            raise GreenletExit

    def now(self):
        return self._scheduler.now() + self._skew

    def monotonic(self):
        return self._scheduler.seconds

    def sleep(self, seconds):
        """Wait; a frozen container waits longer, a crashed one never goes on."""
        self.check_alive()
        self._scheduler.sleep(seconds)
        if self.frozen_until > self._scheduler.seconds:
            self._scheduler.sleep(self.frozen_until - self._scheduler.seconds)

    def spawn(self, work):
        fiber = Fiber(work, self._scheduler._hub)
        self._fibers.append(fiber)
        self._scheduler.wake(fiber, self._scheduler.seconds)
        return fiber

    def crash(self):
        """Kill all fibers now, or, if one of them asks for it, right after it."""
        self.is_crashed = True
        if isinstance(getcurrent(), Fiber):
            self._scheduler.at(self._scheduler.seconds, self.crash)
            raise GreenletExit
        for fiber in self._fibers:
            fiber.throw(GreenletExit)
        self.on_crash()


class FiberPool:
    """Runs tasks as fibers, so many at a time, as `apply.ThreadPool` does with threads."""

    def __init__(self, process, scheduler, workers):
        self._process = process
        self._scheduler = scheduler
        self._workers = workers

    def each(self, tasks, heartbeat):
        waiting, coordinator = deque(tasks), getcurrent()
        running = min(self._workers, len(waiting))
        if not running:
            return

        def work():
            nonlocal running
            while waiting:
                waiting.popleft()()
            running -= 1
            if not running:
                self._scheduler.wake(coordinator, self._scheduler.seconds)

        for _ in range(running):
            self._process.spawn(work)
        while running:
            self._process.sleep(1.0)
            heartbeat()
