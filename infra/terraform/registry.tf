# Not immutable: regions refuse such repositories. image_digest pins what runs.
resource "oci_artifacts_container_repository" "main" {
  compartment_id = var.compartment_ocid
  display_name   = local.repository_name
  is_public      = false
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

locals {
  # The short host is there in the realm oc1 only.
  realm_domain = lookup(
    {
      oc2  = "oraclegovcloud.com"
      oc3  = "oraclegovcloud.com"
      oc4  = "oraclegovcloud.uk"
      oc19 = "oraclecloud.eu"
    },
    local.realm,
    "oraclecloud${trimprefix(local.realm, "oc")}.com",
  )
  default_registry = local.realm == "oc1" ? "${var.region}.ocir.io" : "ocir.${var.region}.oci.${local.realm_domain}"
  registry         = var.registry != "" ? var.registry : local.default_registry

  repository = "${local.registry}/${data.oci_objectstorage_namespace.own.namespace}/${local.repository_name}"
}
