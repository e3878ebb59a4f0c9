resource "oci_logging_log_group" "main" {
  compartment_id = var.compartment_ocid
  display_name   = var.name
  description    = "Logs of ${var.name}. The function's own lines hold names, never values."
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

locals {
  # Display name of a log → what it tells of. Those of what is not made yet are left out.
  logs = merge(
    { function = { service = "functions", category = "invoke", resource = oci_functions_application.main.id } },
    merge(flatten([
      [for deployment in oci_apigateway_deployment.main : {
        gateway-access    = { service = "apigateway", category = "access", resource = deployment.id }
        gateway-execution = { service = "apigateway", category = "execution", resource = deployment.id }
      }],
      # Events writes logs in this realm only.
      [for rule in oci_events_rule.configs : {
        config-events = { service = "cloudevents", category = "ruleexecutionlog", resource = rule.id }
      } if local.realm == "oc1"],
    ])...),
  )
}

resource "oci_logging_log" "main" {
  for_each = local.logs

  display_name       = "${var.name}-${each.key}"
  log_group_id       = oci_logging_log_group.main.id
  log_type           = "SERVICE"
  is_enabled         = true
  retention_duration = 30
  freeform_tags      = local.freeform_tags
  defined_tags       = local.defined_tags

  configuration {
    source {
      source_type = "OCISERVICE"
      service     = each.value.service
      category    = each.value.category
      resource    = each.value.resource
    }
  }
}
