# The clock: alarms of which one always fires, and repeats itself every minute.

resource "oci_ons_notification_topic" "clock" {
  compartment_id = var.compartment_ocid
  name           = "${var.name}-clock"
  description    = "Ticks of the function, once a minute."
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_ons_subscription" "clock" {
  count = local.is_deployed ? 1 : 0

  compartment_id = var.compartment_ocid
  topic_id       = oci_ons_notification_topic.clock.id
  protocol       = "ORACLE_FUNCTIONS"
  endpoint       = local.function_ocid
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  depends_on = [oci_identity_policy.function]
}

locals {
  # An alarm fires only while its metric has data. Object Storage posts ObjectCount of each bucket that is not empty once
  # an hour, whether or not anything happens, and the marker (bucket.tf) keeps ours from being empty: a window of six
  # hours always holds a value, and no count is below zero. Metrics of traffic (gateways, queue, the function) may go
  # quiet. Until the first value is there, an hour or two, and while OCI posts none, its absence ticks instead, for
  # three days, the longest that OCI offers. Of the two one fires at a time.
  clock = {
    clock         = "ObjectCount[6h].grouping().max() >= 0"
    clock-instead = "ObjectCount[6h].grouping().absent(3d)"
  }
}

resource "oci_monitoring_alarm" "clock" {
  for_each = local.is_deployed ? local.clock : {}

  compartment_id               = var.compartment_ocid
  display_name                 = "${var.name}-${each.key}"
  body                         = "tick"
  destinations                 = [oci_ons_notification_topic.clock.id]
  is_enabled                   = true
  message_format               = "RAW"
  metric_compartment_id        = var.compartment_ocid
  namespace                    = "oci_objectstorage"
  query                        = each.value
  severity                     = "INFO"
  pending_duration             = "PT1M"
  repeat_notification_duration = "PT1M"
  freeform_tags                = local.freeform_tags
  defined_tags                 = local.defined_tags

  depends_on = [oci_objectstorage_object.marker, oci_ons_subscription.clock]
}

# A second clock, should the first one stop. It is documented for hours; whether it takes minutes is not.
resource "oci_resource_scheduler_schedule" "clock" {
  count = local.is_deployed ? 1 : 0

  compartment_id     = var.compartment_ocid
  display_name       = "${var.name}-clock"
  description        = "A tick every hour, beside those of the alarm."
  action             = "START_RESOURCE"
  recurrence_type    = "CRON"
  recurrence_details = "0 * * * *"
  freeform_tags      = local.freeform_tags
  defined_tags       = local.defined_tags

  resources {
    id = local.function_ocid

    parameters {
      parameter_type = "BODY"
      value          = [jsonencode({ command = "tick" })]
    }
  }

  depends_on = [oci_identity_policy.function]
}
