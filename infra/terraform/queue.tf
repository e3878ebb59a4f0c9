resource "oci_queue_queue" "jobs" {
  compartment_id = var.compartment_ocid
  display_name   = var.name

  # The longest that OCI offers; it cannot be changed later.
  retention_in_seconds = 7 * 24 * 60 * 60

  # Longer than the function's timeout. The function itself hides messages for shorter, and renews that.
  visibility_in_seconds = 2 * local.function_timeout_seconds

  # Counts crashes: what merely failed, or waits on purpose, is put as a new message.
  dead_letter_queue_delivery_count = 20
  freeform_tags                    = local.freeform_tags
  defined_tags                     = local.defined_tags
}
