"""Numbers stand once in code; the documents say the same ones."""

import re

import pytest

from functions.api.connections import KEY_DELETION_DAYS
from functions.api.edits import MAX_COMPARED
from functions.api.health import HEALTH_SECONDS
from functions.app import SENDER_PATIENCE_SECONDS, TICK_SECONDS
from functions.credentials import KEEP_SECONDS
from functions.jobs.submit import MAX_CONFIGS_FOR_HINT
from functions.plan.guards import SMALL_SCOPE
from functions.plan.job import MAX_ATTEMPTS
from functions.plan.naming import MAX_VALUE_BYTES, MAX_VAULT_NAME_CHARACTERS
from functions.plan.sync_config import DeletionGuard
from functions.ports import MAX_OBJECT_BYTES
from functions.sources.infisical.evidence import MOST_PLACES
from functions.sources.infisical.source import MOST_SUB_FOLDERS
from functions.state.memory import ASKED_SECONDS, MAX_MEMORY_BYTES
from functions.state.status import MAX_ENDED_JOBS, MAX_RUN_ERRORS, MAX_RUNS, MAX_STATUS_BYTES
from functions.triggers.parse import MAX_BODY_BYTES
from functions.triggers.webhook import MAX_AGE_SECONDS, MAX_WEBHOOK_BYTES
from functions.vault.write import PRUNED_AT_ONCE
from infra.local.host import DETACHED_TIMEOUT_SECONDS, SYNC_TIMEOUT_SECONDS
from infra.local.stack import ROOT
from tests.docs.documents import DOCUMENTS, OPERATE, section

TEXT = " ".join("\n".join(DOCUMENTS.values()).split())
WORDS = {"ten": 10}
SENTENCES = [
    (r"more than ([\d,]+) %", DeletionGuard().max_percent),
    (r"% of (\w+) or more", SMALL_SCOPE),
    (r"tick works (?:for )?([\d,]+) s", TICK_SECONDS),
    (r"webhook or (?:action|API call) (?:for )?([\d,]+) s", SENDER_PATIENCE_SECONDS),
    (r"waits about ([\d,]+) s for its job", SENDER_PATIENCE_SECONDS),
    (r"remembers its answer for ([\d,]+) seconds", HEALTH_SECONDS),
    (r"at most every ([\d,]+) s in a container", HEALTH_SECONDS),
    (r"credentials again after ([\d,]+) minutes", KEEP_SECONDS / 60),
    (r"follow within ([\d,]+) minutes, sooner", KEEP_SECONDS / 60),
    (r"Credentials are kept for up to ([\d,]+) minutes", KEEP_SECONDS / 60),
    (r"after ([\d,]+) attempts", MAX_ATTEMPTS),
    (r"([\d,]+) attempts;", MAX_ATTEMPTS),
    (r"Gave up after ([\d,]+) attempts", MAX_ATTEMPTS),
    (r"scheduled for deletion in ([\d,]+) days", KEY_DELETION_DAYS),
    (r"more than ([\d,]+) minutes", MAX_AGE_SECONDS / 60),
    (r"±([\d,]+) minutes", MAX_AGE_SECONDS / 60),
    (r"webhook ([\d,]+) MB", MAX_WEBHOOK_BYTES / 1_000_000),
    (r"API ([\d,]+) MB", MAX_BODY_BYTES / 1024 / 1024),
    (r"([\d,]+) bytes: 20 runs", MAX_STATUS_BYTES),
    (r"bytes: ([\d,]+) runs", MAX_RUNS),
    (r"([\d,]+) bytes, about 15,000 secrets", MAX_MEMORY_BYTES),
    (r"At most (\w+) places are asked", MOST_PLACES),
    (r"With more than ([\d,]+) sub-folders", MOST_SUB_FOLDERS),
    (r"each at most once in (\w+) minutes", ASKED_SECONDS / 60),
    (r"the last ([\d,]+) runs", MAX_RUNS),
    (r"runs, ([\d,]+) errors each", MAX_RUN_ERRORS),
    (r"\(the last ([\d,]+) of a sync\)", MAX_ENDED_JOBS),
    (r"config, connection \| [^|]+\(([\d,]+) bytes\)", MAX_OBJECT_BYTES),
    (r"\| value \| ([\d,]+) bytes", MAX_VALUE_BYTES),
    (r"more than ([\d,]+) \|", MAX_VALUE_BYTES),
    (r"`\.`; ([\d,]+) characters", MAX_VAULT_NAME_CHARACTERS),
    (r"schedules the ([\d,]+) oldest", PRUNED_AT_ONCE),
    (r"followed with up to ([\d,]+) syncs", MAX_CONFIGS_FOR_HINT),
    (r"among ([\d,]+) \|", MAX_COMPARED),
    (r"a detached worker \| ([\d,]+) s", SYNC_TIMEOUT_SECONDS),
    (r"a detached worker \| [\d,]+ s; ([\d,]+) s", DETACHED_TIMEOUT_SECONDS),
]


def number(text):
    """Return the number that a document says."""
    return WORDS.get(text) or int(text.replace(",", ""))


@pytest.mark.parametrize(("sentence", "value"), SENTENCES, ids=[row[0] for row in SENTENCES])
def test_a_number_is_that_of_the_code(sentence, value):
    """Wherever the documents say this number, it is the constant of the code."""
    said = re.findall(sentence, TEXT)
    assert said
    assert {number(text) for text in said} == {value}


def test_the_deployment_has_the_numbers_of_the_documents():
    """How often a message is delivered, how long it and old objects are kept: as Terraform sets it."""
    terraform = "\n".join(file.read_text() for file in (ROOT / "infra/terraform").glob("*.tf"))
    [deliveries] = re.findall(r"dead_letter_queue_delivery_count = (\d+)", terraform)
    [kept] = re.findall(r"retention_in_seconds = (\d+) \* 24 \* 60 \* 60", terraform)
    [versions] = re.findall(r'time_amount = "(\d+)"', re.sub(" +", " ", terraform))
    [rate] = re.findall(r"rate_in_requests_per_second = (\d+)", terraform)
    assert f"it was received {deliveries} times" in TEXT
    assert f"{MAX_ATTEMPTS} attempts; {kept} days on the queue" in TEXT
    assert f"bucket versions hold it for {versions} days" in TEXT
    assert f"more than {rate} requests a second" in TEXT


def test_every_alarm_has_its_row():
    """For each alarm that Terraform makes, docs/operate.md says what to do when it rings."""
    alarms = (ROOT / "infra/terraform/alarms.tf").read_text()
    named = re.findall(r"(?m)^    ([a-z-]+) += \{$", alarms)
    assert named
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", section(OPERATE, "An alarm rings")) == named
