resource "oci_objectstorage_bucket" "config" {
  compartment_id        = var.compartment_ocid
  namespace             = data.oci_objectstorage_namespace.own.namespace
  name                  = local.bucket_name
  access_type           = "NoPublicAccess"
  object_events_enabled = true
  versioning            = "Enabled"
  freeform_tags         = local.freeform_tags
  defined_tags          = local.defined_tags
}

# Keeps the bucket from being empty, which the clock needs.
resource "oci_objectstorage_object" "marker" {
  bucket       = oci_objectstorage_bucket.config.name
  namespace    = oci_objectstorage_bucket.config.namespace
  object       = "README.txt"
  content_type = "text/plain"

  delete_all_object_versions = true

  content = "Sync configs go to secret-syncs/<projectId>/<file>.json. Everything else here is the function's own.\n"
}

# Status objects change with each run, so old versions would pile up. OCI refuses this policy until the statement
# expire-versions has reached the region; as it comes with the function, that statement is usually older.
resource "oci_objectstorage_object_lifecycle_policy" "config" {
  count = local.is_deployed ? 1 : 0

  bucket    = oci_objectstorage_bucket.config.name
  namespace = oci_objectstorage_bucket.config.namespace

  rules {
    name        = "old-versions"
    action      = "DELETE"
    target      = "previous-object-versions"
    time_amount = "7"
    time_unit   = "DAYS"
    is_enabled  = true
  }

  depends_on = [oci_identity_policy.platform]
}
