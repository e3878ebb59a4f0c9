"""Ways to set the variables that tests share: each distinct one costs an apply."""

from tests.deploy.terraform.engine import IMAGE, VARIABLES

COMPARTMENTS = {
    "vault_compartment_ocid": "ocid1.compartment.oc1..vaults",
    "secrets_compartment_ocid": "ocid1.compartment.oc1..secrets",
}
VAULT = {"vault_ocid": "ocid1.vault.oc1..given", "key_ocid": "ocid1.key.oc1..given"}
SUBNETS = {
    "subnet_ocids": ["ocid1.subnet.oc1..one", "ocid1.subnet.oc1..two"],
    "gateway_subnet_ocid": "ocid1.subnet.oc1..public",
}
MORE_VAULTS = {
    "more_vaults": [
        {
            "secrets_compartment_ocid": f"ocid1.compartment.oc1..secrets{number}",
            "vault_ocid": f"ocid1.vault.oc1..more{number}",
            "vault_compartment_ocid": f"ocid1.compartment.oc1..vaults{number}",
            "key_ocid": f"ocid1.key.oc1..more{number}",
        }
        for number in range(3)
    ]
}
GIVEN = {**COMPARTMENTS, **VAULT, **SUBNETS, "alarm_email": "a@b.example"}
SHARED = {
    "vault_ocid": VAULT["vault_ocid"],
    "more_vaults": [
        {
            "secrets_compartment_ocid": VARIABLES["compartment_ocid"],
            "vault_ocid": "ocid1.vault.oc1..other",
            "vault_compartment_ocid": VARIABLES["compartment_ocid"],
            "key_ocid": "ocid1.key.oc1..other",
        }
    ],
}
TAGS = {
    "tags": {"freeformTags": {"team": "platform"}, "definedTags": {"Ops.CostCentre": "42"}},
}
NO_EVENTS = {"is_events_enabled": False}
SOVEREIGN = {
    "tenancy_ocid": "ocid1.tenancy.oc19..tenancy",
    "region": "eu-frankfurt-2",
    "compartment_ocid": "ocid1.compartment.oc19..app",
}
PORT = {
    "gateway_subnet_ocid": SUBNETS["gateway_subnet_ocid"],
    "source_url": "https://secrets.example.com:8443/base",
}
REACH = {
    "source_ca_secret_ocid": "ocid1.vaultsecret.oc1..ca",
    "source_proxy": "http://mary@proxy.example.com:3128",
    "source_timeout_seconds": 20,
}
SECRET_TAGS = {
    "secret_tags": {
        "freeformTags": {"team": "platform"},
        "definedTags": {"Ops.CostCentre": "42", "Ops.Owner": "me", "Law.Class": "secret"},
    },
}
WAYS = {
    "no image": {},
    "what has to be said": IMAGE,
    "three more vaults": {**IMAGE, **MORE_VAULTS},
    "fallback policies": {**IMAGE, **MORE_VAULTS, "policy_form": "fallback"},
    "all is given": {**IMAGE, **GIVEN},
    "all is given, no image": GIVEN,
    "a given vault, a new key, a vault beside it": {**IMAGE, **SHARED},
    "a given subnet for the gateway, a port": {**IMAGE, **PORT},
    "tags": {**IMAGE, **TAGS},
    "a private CA, a proxy, tags of secrets": {**IMAGE, **REACH, **SECRET_TAGS},
    "no rules of Events": {**IMAGE, **NO_EVENTS},
    "another realm": {**IMAGE, **SOVEREIGN},
    "given subnets for the function": {**IMAGE, "subnet_ocids": SUBNETS["subnet_ocids"]},
}
