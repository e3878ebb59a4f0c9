resource "oci_apigateway_gateway" "main" {
  compartment_id = var.compartment_ocid
  display_name   = var.name
  endpoint_type  = "PUBLIC"
  subnet_id      = local.gateway_subnet_ocid
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_apigateway_deployment" "main" {
  count = local.is_deployed ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = var.name
  gateway_id     = oci_apigateway_gateway.main.id
  path_prefix    = "/${var.name}"
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  # No authentication here: a webhook carries its own signature, an API call its own token, and the function checks
  # both. Timeouts of a function backend cannot be set; the function answers within about 10 s, and refuses
  # a webhook of more than 1 MB.
  specification {
    request_policies {
      # Far above what a secret manager and people send. What is refused here is found by the next verification.
      rate_limiting {
        rate_in_requests_per_second = 20
        rate_key                    = "CLIENT_IP"
      }
    }

    routes {
      path    = "/webhooks/infisical"
      methods = ["POST"]

      backend {
        type        = "ORACLE_FUNCTIONS_BACKEND"
        function_id = local.function_ocid
      }

      # What cannot be a webhook does not start the function.
      request_policies {
        body_validation {
          required        = true
          validation_mode = "ENFORCING"

          content {
            media_type      = "application/json"
            validation_type = "NONE"
          }
        }
      }
    }

    routes {
      path    = "/api/v1/{path*}"
      methods = ["GET", "POST", "PATCH", "DELETE"]

      backend {
        type        = "ORACLE_FUNCTIONS_BACKEND"
        function_id = local.function_ocid
      }
    }

    routes {
      path    = "/healthz"
      methods = ["GET"]

      backend {
        type        = "ORACLE_FUNCTIONS_BACKEND"
        function_id = local.function_ocid
      }
    }

    dynamic "routes" {
      for_each = var.is_console_enabled ? ["/console", "/console/"] : []

      content {
        path    = routes.value
        methods = ["GET"]

        backend {
          type        = "ORACLE_FUNCTIONS_BACKEND"
          function_id = local.function_ocid
        }

        # The page has a policy of its own. This one holds even if the gateway does not hand that on: the page says the
        # rest of it again in its text, but who may frame it can be said by a header only.
        response_policies {
          header_transformations {
            set_headers {
              items {
                name      = "Content-Security-Policy"
                values    = ["frame-ancestors 'none'"]
                if_exists = "APPEND"
              }
            }
          }
        }
      }
    }
  }

  depends_on = [oci_identity_policy.function, oci_identity_policy.platform]
}
