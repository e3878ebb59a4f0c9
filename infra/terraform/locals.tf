locals {
  is_deployed = var.image != ""

  vault_compartment_ocid   = var.vault_compartment_ocid != "" ? var.vault_compartment_ocid : var.compartment_ocid
  secrets_compartment_ocid = var.secrets_compartment_ocid != "" ? var.secrets_compartment_ocid : local.vault_compartment_ocid

  vault_ocid = var.vault_ocid != "" ? var.vault_ocid : oci_kms_vault.main[0].id
  key_ocid   = var.key_ocid != "" ? var.key_ocid : oci_kms_key.main[0].id

  # Everything that the function may sync to; the first also holds its credentials.
  destinations = concat(
    [{
      secrets_compartment_ocid = local.secrets_compartment_ocid
      vault_ocid               = local.vault_ocid
      vault_compartment_ocid   = local.vault_compartment_ocid
      key_ocid                 = local.key_ocid
    }],
    var.more_vaults,
  )

  bucket_name     = "${var.name}-config"
  repository_name = var.name
}

data "oci_objectstorage_namespace" "own" {
  compartment_id = var.tenancy_ocid
}
