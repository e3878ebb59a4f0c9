"""What the stand-in for OCI answers: OCIDs, endpoints, and the rows of data sources."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.deploy.terraform.schema import Attribute, Block, Type

REGION = "eu-frankfurt-1"
HOME_REGION = "eu-zurich-1"
NAMESPACE = "examplenamespace"

KINDS = {
    "oci_apigateway_deployment": "apideployment",
    "oci_apigateway_gateway": "apigateway",
    "oci_artifacts_container_repository": "containerrepo",
    "oci_events_rule": "eventrule",
    "oci_functions_application": "fnapp",
    "oci_functions_function": "fnfunc",
    "oci_ons_notification_topic": "onstopic",
    "oci_resource_scheduler_schedule": "resourceschedule",
    "oci_vault_secret": "vaultsecret",
}
"""The kind in an OCID, where it is not the type's last words in one."""

COMPUTED = {
    "messages_endpoint": f"https://cell-1.queue.messaging.{REGION}.oci.oraclecloud.com",
    "management_endpoint": f"https://example-management.kms.{REGION}.oraclecloud.com",
    "crypto_endpoint": f"https://example-crypto.kms.{REGION}.oraclecloud.com",
    "invoke_endpoint": f"https://example.{REGION}.functions.oci.oraclecloud.com",
    "hostname": f"example.apigateway.{REGION}.oci.customer-oci.com",
    "endpoint": f"https://example.apigateway.{REGION}.oci.customer-oci.com/example",
    "namespace": NAMESPACE,
    "home_region_key": "ZRH",
    "compartment_id": "ocid1.compartment.oc1..standin",
    "state": "ACTIVE",
    "default_security_list_id": f"ocid1.securitylist.oc1.{REGION}.default",
    "default_route_table_id": f"ocid1.routetable.oc1.{REGION}.default",
    "default_dhcp_options_id": f"ocid1.dhcpoptions.oc1.{REGION}.default",
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "services": [
        {
            "id": f"ocid1.service.oc1.{REGION}.{kind}",
            "name": name,
            "cidr_block": name.lower().replace(" ", "-"),
        }
        for kind, name in {
            "storage": "OCI FRA Object Storage",
            "all": "All FRA Services In Oracle Services Network",
        }.items()
    ],
    "region_subscriptions": [
        {"region_key": key, "region_name": name, "is_home_region": home, "state": "READY"}
        for key, name, home in (("FRA", REGION, False), ("ZRH", HOME_REGION, True))
    ],
    "regions": [{"key": "FRA", "name": REGION}, {"key": "ZRH", "name": HOME_REGION}],
}


def ocid(type_name: str, arguments: Mapping[str, Any]) -> str:
    """Return the OCID of a resource: the same for the same arguments."""
    kind = KINDS.get(type_name) or "".join(type_name.split("_")[2:])
    region = "" if type_name.startswith("oci_identity_") else REGION
    digest = hashlib.sha256(json.dumps([type_name, arguments], default=str).encode()).hexdigest()
    return f"ocid1.{kind}.oc1.{region}.{digest[:60]}"


def value(name: str, kind: Type) -> Any:
    """Return what OCI gives for an attribute that was not an argument."""
    match kind:
        case "string" if name.startswith("time_"):
            return "2026-01-01T00:00:00Z"
        case "string":
            return COMPUTED.get(name, f"stand-in-{name}")
        case "number":
            return 0
        case "bool":
            return False
        case ["list", ["object", fields]]:
            return [
                {key: row.get(key, value(key, fields[key])) for key in fields}
                for row in ROWS.get(name, [{}])
            ]
        case ["list" | "set", _]:
            return []
    return {}


def found(type_name: str, schema: Block, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a data source."""
    own_id = config.get(f"{type_name.rpartition('_')[2]}_id") or ocid(type_name, config)
    state = {name: _known(name, attribute, config) for name, attribute in schema.attributes.items()}
    for name, rows in state.items():
        if name in ROWS:
            state[name] = [row for row in rows if _passes(row, config.get("filter") or [])]
    return {**config, **state, "id": own_id}


def _known(name: str, attribute: Attribute, config: Mapping[str, Any]) -> Any:
    given = config.get(name)
    return value(name, attribute.type) if given is None and attribute.computed else given


def _passes(row: Mapping[str, Any], filters: list[Mapping[str, Any]]) -> bool:
    return all(
        any(
            re.fullmatch(wanted if one["regex"] else re.escape(wanted), str(row[one["name"]]))
            for wanted in one["values"]
        )
        for one in filters
    )
