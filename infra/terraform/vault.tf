resource "oci_kms_vault" "main" {
  count = var.vault_ocid == "" ? 1 : 0

  compartment_id = local.vault_compartment_ocid
  display_name   = var.name
  vault_type     = "DEFAULT"
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  lifecycle {
    precondition {
      condition     = var.key_ocid == ""
      error_message = "key_ocid is given without vault_ocid: say which vault the key is in."
    }
  }
}

data "oci_kms_vault" "given" {
  count = var.vault_ocid != "" && var.key_ocid == "" ? 1 : 0

  vault_id = var.vault_ocid
}

resource "oci_kms_key" "main" {
  count = var.key_ocid == "" ? 1 : 0

  compartment_id      = local.vault_compartment_ocid
  display_name        = var.name
  management_endpoint = one(concat(oci_kms_vault.main[*].management_endpoint, data.oci_kms_vault.given[*].management_endpoint))
  protection_mode     = "SOFTWARE"
  freeform_tags       = local.freeform_tags
  defined_tags        = local.defined_tags

  key_shape {
    algorithm = "AES"
    length    = 32
  }

  # The management host of a new vault takes minutes to resolve, and the provider does not try again. The gateway takes
  # minutes too.
  depends_on = [oci_apigateway_gateway.main]
}

# Made with placeholders that the function refuses, each by name; people fill it (see next_steps), Terraform never does.
resource "oci_vault_secret" "credentials" {
  compartment_id = var.compartment_ocid
  vault_id       = local.vault_ocid
  key_id         = local.key_ocid
  secret_name    = "${var.name}-credentials"
  description    = "Credentials of ${var.name}: clientId, clientSecret, webhookSecrets, apiTokenHashes, digestKey."
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  secret_content {
    content_type = "BASE64"
    content      = base64encode(jsonencode(local.empty_credentials))
  }

  lifecycle {
    ignore_changes = [secret_content]
  }
}

locals {
  empty_credentials = {
    clientId       = ""
    clientSecret   = ""
    webhookSecrets = [""]
    apiTokenHashes = [""]
    digestKey      = ""
  }
}
