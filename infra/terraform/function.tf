locals {
  # The function's configuration contract (functions/settings.py). Its own OCID is in FN_FN_ID.
  function_config = { for name, value in local.settings : name => value if value != "" }

  settings = {
    SOURCE_URL                 = var.source_url
    SOURCE_KIND                = var.source_kind
    SOURCE_CA_SECRET_OCID      = var.source_ca_secret_ocid
    SOURCE_PROXY               = var.source_proxy
    SOURCE_TIMEOUT_SECONDS     = tostring(var.source_timeout_seconds)
    CONFIG_STORE               = "oci://${local.bucket_name}@${data.oci_objectstorage_namespace.own.namespace}"
    QUEUE_OCID                 = oci_queue_queue.jobs.id
    QUEUE_ENDPOINT             = oci_queue_queue.jobs.messages_endpoint
    CREDENTIALS_SECRET_OCID    = oci_vault_secret.credentials.id
    RECONCILE_INTERVAL_SECONDS = tostring(var.reconcile_interval_seconds)
    MAX_WORKERS                = tostring(var.max_workers)
    VAULT_CONCURRENCY          = tostring(var.vault_concurrency)
    NOTIFICATION_TOPIC_OCID    = oci_ons_notification_topic.failures.id
    SECRET_TAGS                = local.has_secret_tags ? jsonencode(local.secret_tags) : ""
    METRICS_NAMESPACE          = var.metrics_namespace
    LOG_LEVEL                  = var.log_level
  }

  # Namespace.key → as OCI's API writes defined tags.
  secret_tags = {
    freeformTags = var.secret_tags.freeformTags
    definedTags = {
      for namespace in distinct([for name in keys(var.secret_tags.definedTags) : split(".", name)[0]]) :
      namespace => {
        for name, value in var.secret_tags.definedTags :
        split(".", name)[1] => value if split(".", name)[0] == namespace
      }
    }
  }
  has_secret_tags = length(var.secret_tags.freeformTags) + length(var.secret_tags.definedTags) > 0

  function_ocid = one(oci_functions_function.main[*].id)

  function_timeout_seconds = 300  # the longest of a call that somebody waits for
  worker_timeout_seconds   = 3600 # the longest of a detached one
}

resource "oci_functions_application" "main" {
  compartment_id = var.compartment_ocid
  display_name   = var.name
  shape          = var.function_shape
  subnet_ids     = local.function_subnet_ocids
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_functions_function" "main" {
  count = local.is_deployed ? 1 : 0

  application_id = oci_functions_application.main.id
  display_name   = var.name

  # Newer providers prefer source_details.image and only warn of this one; older ones know nothing else.
  image                            = var.image
  image_digest                     = var.image_digest != "" ? var.image_digest : null
  memory_in_mbs                    = tostring(var.memory)
  timeout_in_seconds               = local.function_timeout_seconds
  detached_mode_timeout_in_seconds = local.worker_timeout_seconds
  config                           = local.function_config
  freeform_tags                    = local.freeform_tags
  defined_tags                     = local.defined_tags
}
