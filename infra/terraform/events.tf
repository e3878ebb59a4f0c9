# Triggers come after the policies: a container that started without its rights keeps lacking them.
# From 8.24.0 on the provider has `action` too and warns of `actions`, which older ones need.

locals {
  has_events = local.is_deployed && var.is_events_enabled
}

# A sync config was written. The function's own objects (status/, verified/, workers/) do not match.
resource "oci_events_rule" "configs" {
  count = local.has_events ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = "${var.name}-configs"
  description    = "Syncs a config that was created or updated."
  is_enabled     = true

  condition = jsonencode({
    eventType = [
      "com.oraclecloud.objectstorage.createobject",
      "com.oraclecloud.objectstorage.updateobject",
    ]
    data = {
      resourceName      = "secret-syncs/*"
      additionalDetails = { bucketName = local.bucket_name }
    }
  })

  freeform_tags = local.freeform_tags
  defined_tags  = local.defined_tags

  actions {
    actions {
      action_type = "FAAS"
      is_enabled  = true
      function_id = local.function_ocid
    }
  }

  depends_on = [oci_identity_policy.function, oci_identity_policy.platform]
}

# A secret was written, perhaps by somebody else. Oracle does not list these events: nothing depends on them, ticks
# find the same. A region hears of its own vaults only. Reads are left out, as the function itself reads all the time.
resource "oci_events_rule" "vault" {
  for_each = local.has_events ? toset(local.destinations[*].secrets_compartment_ocid) : toset([])

  compartment_id = each.value
  display_name   = "${var.name}-vault"
  description    = "Verifies the syncs of a vault that was written to. A hint only."
  is_enabled     = true

  condition = jsonencode({
    eventType = [
      "com.oraclecloud.vaultsecret.createsecret*",
      "com.oraclecloud.vaultsecret.updatesecret*",
      "com.oraclecloud.vaultsecret.rotatesecret*",
      "com.oraclecloud.vaultsecret.schedulesecretdeletion*",
      "com.oraclecloud.vaultsecret.cancelsecretdeletion*",
    ]
  })

  freeform_tags = local.freeform_tags
  defined_tags  = local.defined_tags

  actions {
    actions {
      action_type = "FAAS"
      is_enabled  = true
      function_id = local.function_ocid
    }
  }

  depends_on = [oci_identity_policy.function, oci_identity_policy.platform]
}
