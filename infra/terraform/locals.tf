locals {
  is_deployed = var.image != ""

  vault_compartment_ocid   = var.vault_compartment_ocid != "" ? var.vault_compartment_ocid : var.compartment_ocid
  secrets_compartment_ocid = var.secrets_compartment_ocid != "" ? var.secrets_compartment_ocid : local.vault_compartment_ocid

  vault_ocid = var.vault_ocid != "" ? var.vault_ocid : oci_kms_vault.main[0].id
  key_ocid   = var.key_ocid != "" ? var.key_ocid : oci_kms_key.main[0].id

  # Everything that the function may sync to.
  destinations = concat(
    [{
      secrets_compartment_ocid = local.secrets_compartment_ocid
      vault_ocid               = local.vault_ocid
      vault_compartment_ocid   = local.vault_compartment_ocid
      key_ocid                 = local.key_ocid
    }],
    var.more_vaults,
  )

  # Its credentials, and private keys of connections, lie in the first vault but in the deployment's compartment: who may
  # read the synced secrets need not be able to read these.
  places_of_content = concat(
    local.destinations,
    [merge(local.destinations[0], { secrets_compartment_ocid = var.compartment_ocid })],
  )

  # ocid1.tenancy.<realm>..<id>; the realm of everybody is oc1.
  realm = split(".", var.tenancy_ocid)[2]

  # Null, not empty: what OCI adds by itself (tag defaults) is no difference then.
  freeform_tags = length(var.tags.freeformTags) > 0 ? var.tags.freeformTags : null
  defined_tags  = length(var.tags.definedTags) > 0 ? var.tags.definedTags : null

  bucket_name     = "${var.name}-config"
  repository_name = var.name
}

# Asked without a compartment, it needs no permission.
data "oci_objectstorage_namespace" "own" {}
