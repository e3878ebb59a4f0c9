# Who is told, and of what.

resource "oci_ons_notification_topic" "failures" {
  compartment_id = var.compartment_ocid
  name           = "${var.name}-failures"
  description    = "Failures and recoveries of syncs, and alarms of ${var.name}."
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_ons_subscription" "email" {
  count = var.alarm_email != "" ? 1 : 0

  compartment_id = var.compartment_ocid
  topic_id       = oci_ons_notification_topic.failures.id
  protocol       = "EMAIL"
  endpoint       = var.alarm_email
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

locals {
  # The function's own metrics (functions/run/report.py, functions/jobs/tick.py): runs, failures, changes, blocked and duration of
  # each run; deadLetters after work and every tenth minute, so it is the one that the clock always posts.
  alarms = {
    failures = {
      namespace = var.metrics_namespace
      query     = "failures[15m].grouping().sum() > 0"
      severity  = "WARNING"
      body      = "A sync ended as failed. Its status and the function's log say why; the notice named the sync."
    }
    dead-letters = {
      namespace = var.metrics_namespace
      query     = "deadLetters[30m].grouping().max() > 0"
      severity  = "CRITICAL"
      body      = "Jobs crashed 20 times and are dead letters. Read the function's log, mend the cause, and sync by hand."
    }
    # It needs a first tick to have happened, and ends after three days.
    clock-stopped = {
      namespace = var.metrics_namespace
      query     = "deadLetters[30m].grouping().absent(3d)"
      severity  = "CRITICAL"
      body      = "No tick posted its metric for half an hour: look at the alarm and topic ${var.name}-clock, the function's log and its policies."
    }
    function-errors = {
      namespace = "oci_faas"
      query     = "FunctionResponseCount[15m]{applicationId = \"${oci_functions_application.main.id}\", responseType = \"Error\"}.grouping().sum() > 0"
      severity  = "WARNING"
      body      = "Calls of the function ended with an error: its log says why."
    }
  }
}

resource "oci_monitoring_alarm" "main" {
  for_each = local.is_deployed ? local.alarms : {}

  compartment_id               = var.compartment_ocid
  display_name                 = "${var.name}-${each.key}"
  body                         = each.value.body
  destinations                 = [oci_ons_notification_topic.failures.id]
  is_enabled                   = true
  message_format               = "ONS_OPTIMIZED"
  metric_compartment_id        = var.compartment_ocid
  namespace                    = each.value.namespace
  query                        = each.value.query
  severity                     = each.value.severity
  pending_duration             = "PT1M"
  repeat_notification_duration = "P1D"
  freeform_tags                = local.freeform_tags
  defined_tags                 = local.defined_tags
}
