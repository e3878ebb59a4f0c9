terraform {
  # Resource Manager runs Terraform 1.5: nothing newer is used here.
  required_version = ">= 1.5.0, < 2.0.0"

  required_providers {
    oci = {
      source = "oracle/oci"
      # The first release that has detached_mode_timeout_in_seconds of a function.
      version = ">= 7.21.0"
    }
  }
}

provider "oci" {
  region              = var.region
  ignore_defined_tags = local.oracles_tags
}

# Dynamic groups and policies can only be written in the home region.
provider "oci" {
  alias  = "home"
  region = local.home_region

  ignore_defined_tags = local.oracles_tags
}

data "oci_identity_region_subscriptions" "all" {
  tenancy_id = var.tenancy_ocid
}

locals {
  oracles_tags = ["Oracle-Tags.CreatedBy", "Oracle-Tags.CreatedOn"] # tenancies have OCI set them

  home_region = one([
    for row in data.oci_identity_region_subscriptions.all.region_subscriptions : row.region_name
    if row.is_home_region
  ])
}
