"""A calm world in memory with one sync, in virtual time: no call fails but those that a test lets fail."""

import json
from datetime import timedelta

from functions.plan.models import Folder, State
from functions.state.status import Status, parse_status
from functions.triggers.webhook import Webhook
from tests.support.example_sync import sync_config
from tests.system.simulation.memory_world import COMPARTMENT, KEY, VAULT, World

FOLDER = Folder("p", "dev", "/a")
EVENT = Webhook(FOLDER, is_test=False)
CONFIG = "secret-syncs/p/a.json"
TICK_SECONDS = 60.0


def world_of_one_sync():
    """Return a world with one sync, of one secret, that ticks verify each hour."""
    world = World(1, None, 0)
    world.interval = timedelta(hours=1)
    destination = {"compartmentOcid": COMPARTMENT, "vaultOcid": VAULT, "keyOcid": KEY}
    config = sync_config("a", FOLDER.project_id, FOLDER.environment, FOLDER.path, destination)
    world.store.put(CONFIG, json.dumps(config).encode())
    world.source.folders[FOLDER] = {"A": "1"}
    return world


def status(world):
    """Return the status document."""
    stored = world.store.get("status/p/a.json")
    return parse_status(stored.body) if stored else Status()


def held(world):
    """Return what the vault holds, by name."""
    now = world.scheduler.now()
    return {
        secret.name: secret.newest().decode()
        for secret in world.vault.secrets.values()
        if secret.state(now) == State.ACTIVE
    }


def answer_of(world, work, seconds):
    """Start an invocation and let so much time pass; return its answer."""
    answers = []
    world.start("work", work, answers.append)
    world.scheduler.run(world.scheduler.seconds + seconds)
    return answers[0]


def until_quiet(world, most_ticks=20):
    """Let minutes pass, each with its tick, until no message waits, or so many have passed."""
    for _ in range(most_ticks):
        ticks(world, 1)
        if not world.queue.messages:
            return


def ticks(world, number):
    """Let so many minutes pass, each with its tick; return the most messages that ever waited."""
    most = 0
    for _ in range(number):
        world.tick()
        world.scheduler.run(world.scheduler.seconds + TICK_SECONDS)
        most = max(most, len(world.queue.messages))
    return most
