# A tag names one build for ever: Terraform deploys when the tag changes, so a tag that was pushed anew would
# not be deployed, and a rollback would find another build than it names.
resource "oci_artifacts_container_repository" "main" {
  compartment_id = var.compartment_ocid
  display_name   = local.repository_name
  is_immutable   = true
  is_public      = false
}

locals {
  repository = "${var.region}.ocir.io/${data.oci_objectstorage_namespace.own.namespace}/${local.repository_name}"
}
