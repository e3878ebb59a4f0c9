"""What calls the function: API gateway, events, clock."""

import json
import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import pytest

from functions.api.routes import HEALTH_PATH, ROUTES
from functions.plan.oci_connection import PREFIX as CONNECTIONS
from functions.plan.sync_config import PREFIX
from functions.state.status_document import status_object
from functions.state.verified import verified_object
from functions.triggers.webhook import WEBHOOK_PATH
from tests.deploy.terraform.engine import IMAGE, VARIABLES, applied
from tests.deploy.terraform.terraform_cases import MORE_VAULTS, NO_EVENTS

CONSOLE_PATHS = ("/console", "/console/")
CALLS = [
    ("POST", WEBHOOK_PATH),
    *(("GET", path) for path in CONSOLE_PATHS),
    *((method, path) for path, methods in ROUTES.items() for method in methods),
]


@pytest.fixture(scope="module")
def deployed():
    """Everything, as deployed with an image."""
    return applied(**IMAGE)


@pytest.fixture(scope="module")
def specification(deployed):
    """What the API gateway serves."""
    (specification,) = deployed.one("oci_apigateway_deployment")["specification"]
    return specification


def serves(route, method, path):
    """Say whether a route of the gateway takes a call; {name*} stands for any number of segments."""
    pattern = re.sub(r"\\\{\w+\\\*\\\}", ".+", re.escape(route["path"]))
    return method in route["methods"] and re.fullmatch(pattern, path) is not None


@pytest.mark.parametrize(("method", "template"), CALLS)
def test_the_gateway_serves_every_route(specification, deployed, method, template):
    """Each route of the management API, the webhook and the health check lead to the function."""
    path = re.sub(r"\{\w+\}", "a-b_c", template)
    (route,) = (one for one in specification["routes"] if serves(one, method, path))
    (backend,) = route["backend"]
    assert backend["type"] == "ORACLE_FUNCTIONS_BACKEND"
    assert backend["function_id"] == deployed.one("oci_functions_function")["id"]


def test_the_gateway_serves_nothing_else(specification):
    """Other methods and paths end at the gateway."""
    served = {method for path, methods in ROUTES.items() for method in methods}
    for route in specification["routes"]:
        assert set(route["methods"]) <= served
        assert any(serves(route, method, path) for method, path in CALLS)
    assert not [one for one in specification["routes"] if serves(one, "POST", "/call/other")]


def test_nobody_may_frame_the_console(specification):
    """The gateway itself forbids to frame the page, whether it hands on the page's headers or not."""
    for route in (one for one in specification["routes"] if one["path"] in CONSOLE_PATHS):
        ((transformed,),) = (one["header_transformations"] for one in route["response_policies"])
        ((header,),) = (one["items"] for one in transformed["set_headers"])
        assert (header["name"], header["values"], header["if_exists"]) == (
            *("Content-Security-Policy", ["frame-ancestors 'none'"]),
            "APPEND",
        )


def test_the_console_can_be_left_out():
    """Without is_console_enabled the gateway has no route to the page, and no output names one."""
    deployed = applied(**IMAGE, is_console_enabled=False)
    (specification,) = deployed.one("oci_apigateway_deployment")["specification"]
    assert not {one["path"] for one in specification["routes"]} & {*CONSOLE_PATHS}
    assert "console_url" not in deployed.outputs


def test_the_function_authenticates(specification):
    """The gateway asks for no authentication of its own: signatures and tokens are the function's."""
    (policies,) = specification["request_policies"]
    assert policies["authentication"] == []
    assert policies["rate_limiting"][0]["rate_key"] == "CLIENT_IP"
    for route in specification["routes"]:
        assert [one["authorization"] for one in route["request_policies"]] in ([], [[]])


def test_the_urls_that_people_get(deployed):
    """The outputs name the URLs of webhooks, API and health check."""
    endpoint = deployed.one("oci_apigateway_deployment")["endpoint"]
    assert deployed.outputs["webhook_url"] == endpoint + WEBHOOK_PATH
    assert deployed.outputs["health_url"] == endpoint + HEALTH_PATH
    assert deployed.outputs["api_url"] == endpoint + "/api/v1"
    assert deployed.outputs["console_url"] == endpoint + "/console"
    assert all(path.startswith("/api/v1/") for path in ROUTES.keys() - {HEALTH_PATH})


@pytest.fixture(scope="module")
def rules(deployed):
    """The rules of Events by display name, with their conditions; each calls the function."""
    for rule in deployed.of("oci_events_rule"):
        ((action,),) = (one["actions"] for one in rule["actions"])
        assert (action["action_type"], action["is_enabled"]) == ("FAAS", True)
        assert action["function_id"] == deployed.one("oci_functions_function")["id"]
        assert rule["is_enabled"] is True
    return {
        rule["display_name"]: json.loads(rule["condition"])
        for rule in deployed.of("oci_events_rule")
    }


def test_configs_are_seen_at_once(rules, deployed):
    """The rule matches config objects that were created or updated, in the function's bucket only."""
    condition = rules["vault-sync-configs"]
    data = condition["data"]
    assert {one.rpartition(".")[2] for one in condition["eventType"]} == {
        "createobject",
        "updateobject",
    }
    bucket = deployed.one("oci_objectstorage_bucket")["name"]
    assert data["additionalDetails"] == {"bucketName": bucket}
    store = urlsplit(deployed.one("oci_functions_function")["config"]["CONFIG_STORE"])
    config = f"{PREFIX}payments/api.json"
    assert fnmatchcase(f"{store.path.strip('/')}{config}", data["resourceName"])


def test_the_functions_own_objects_do_not_call_it(rules):
    """Status, verification, workers and connections do not match: the function would call itself."""
    config = f"{PREFIX}payments/api.json"
    own = [status_object(config), verified_object(config), "workers/1", f"{CONNECTIONS}1.json"]
    pattern = rules["vault-sync-configs"]["data"]["resourceName"]
    assert not [name for name in own if fnmatchcase(name, pattern)]


def test_vault_events_are_of_writes(rules):
    """The rule of the vault is about written secrets, not about reads: the function reads much."""
    kinds = {one.rpartition(".")[2] for one in rules["vault-sync-vault"]["eventType"]}
    assert kinds
    assert all(
        one.startswith("com.oraclecloud.vaultsecret.")
        for one in rules["vault-sync-vault"]["eventType"]
    )
    assert not [kind for kind in kinds if re.match("get|list|read", kind)]


def test_each_compartment_of_secrets_has_a_rule():
    """Vault events are heard in each compartment of secrets."""
    outcome = applied(**IMAGE, **MORE_VAULTS)
    rules = [one for one in outcome.of("oci_events_rule") if "vaultsecret" in one["condition"]]
    secrets = [row["secrets_compartment_ocid"] for row in MORE_VAULTS["more_vaults"]]
    expected = sorted([VARIABLES["compartment_ocid"], *secrets])
    assert sorted(one["compartment_id"] for one in rules) == expected


def test_events_can_be_left_out():
    """A tenancy that may have no rules of Events gets none, nor their log and statement; the clock stays."""
    outcome = applied(**IMAGE, **NO_EVENTS)
    assert outcome.of("oci_events_rule") == []
    assert "events-calls" not in outcome.outputs["policy_statements"]
    assert not [one for one in outcome.of("oci_logging_log") if "events" in one["display_name"]]
    assert outcome.of("oci_monitoring_alarm")


def test_the_clock_ticks_every_minute(deployed):
    """Alarms of which one always fires repeat themselves every minute to the function alone."""
    clocks = [one for one in deployed.of("oci_monitoring_alarm") if one["body"] == "tick"]
    for clock in clocks:
        assert clock["is_enabled"] is True
        assert clock["repeat_notification_duration"] == "PT1M"
        assert clock["message_format"] == "RAW"
    ((topic,),) = {tuple(clock["destinations"]) for clock in clocks}
    (subscription,) = (
        one for one in deployed.of("oci_ons_subscription") if one["topic_id"] == topic
    )
    assert subscription["protocol"] == "ORACLE_FUNCTIONS"
    assert subscription["endpoint"] == deployed.one("oci_functions_function")["id"]
    assert topic != deployed.outputs["failures_topic_ocid"]


def test_one_alarm_ticks_at_a_time(deployed):
    """A metric that does not depend on traffic is there, or its absence ticks: never both at once."""
    clocks = [one for one in deployed.of("oci_monitoring_alarm") if one["body"] == "tick"]
    assert {one["namespace"] for one in clocks} == {"oci_objectstorage"}
    there, absent = sorted((one["query"] for one in clocks), key=lambda query: "absent" in query)
    assert there == "ObjectCount[6h].grouping().max() >= 0"
    assert absent == "ObjectCount[6h].grouping().absent(3d)"
    assert deployed.one("oci_objectstorage_object")["bucket"] == deployed.outputs["bucket"]


def test_queries_are_of_the_form_that_oci_takes(deployed):
    """Each alarm has a window of 1 to 60 minutes or 1 to 24 hours, one group, and looks back 3 days at most."""
    form = (
        r"\w+\[([1-9]|[1-5]\d|60)m\]|\w+\[([1-9]|1\d|2[0-4])h\]",
        r"(\{\w+ = \"[^\"]+\"(, \w+ = \"[^\"]+\")*\})?",
        r"\.grouping\(\)\.((sum|max)\(\) >=? \d+|absent\([1-3]d\))",
    )
    for alarm in deployed.of("oci_monitoring_alarm"):
        assert re.fullmatch(f"({form[0]}){form[1]}{form[2]}", alarm["query"]), alarm["query"]


def test_alarms_tell_people(deployed):
    """Every other alarm goes to the topic of failures, and says what to do."""
    alarms = [one for one in deployed.of("oci_monitoring_alarm") if one["body"] != "tick"]
    assert len(alarms) >= 3
    for alarm in alarms:
        assert alarm["destinations"] == [deployed.outputs["failures_topic_ocid"]]
        assert alarm["repeat_notification_duration"] != "PT1M"
        assert alarm["is_enabled"] is True


def test_a_second_clock(deployed):
    """A schedule gives the same command as a person would."""
    (resource,) = deployed.one("oci_resource_scheduler_schedule")["resources"]
    assert resource["id"] == deployed.one("oci_functions_function")["id"]
    (parameter,) = resource["parameters"]
    (value,) = parameter["value"]
    assert (parameter["parameter_type"], json.loads(value)) == (
        "BODY",
        {"command": "tick"},
    )
