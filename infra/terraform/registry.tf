# Not immutable: regions refuse such repositories. image_digest pins what runs.
resource "oci_artifacts_container_repository" "main" {
  compartment_id = var.compartment_ocid
  display_name   = local.repository_name
  is_public      = false
}

locals {
  repository = "${var.region}.ocir.io/${data.oci_objectstorage_namespace.own.namespace}/${local.repository_name}"
}
