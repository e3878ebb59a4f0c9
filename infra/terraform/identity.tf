# The function is known by its OCID as soon as it is there; before, by its compartment, so that its first container
# is a member whichever of the two rules it finds.
resource "oci_identity_dynamic_group" "function" {
  provider = oci.home

  compartment_id = var.tenancy_ocid
  name           = "${var.name}-function"
  description    = "The function of ${var.name}."
  matching_rule = (
    local.is_deployed
    ? "ALL {resource.type = 'fnfunc', resource.id = '${local.function_ocid}'}"
    : "ALL {resource.type = 'fnfunc', resource.compartment.id = '${var.compartment_ocid}'}"
  )

  freeform_tags = local.freeform_tags
  defined_tags  = local.defined_tags
}

# In the root compartment, as they speak of several compartments and of the tenancy.

resource "oci_identity_policy" "function" {
  provider = oci.home

  compartment_id = var.tenancy_ocid
  name           = "${var.name}-function"
  description    = "What the function of ${var.name} may do."
  statements     = flatten(values(local.function_policy))
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_identity_policy" "platform" {
  provider = oci.home

  compartment_id = var.tenancy_ocid
  name           = "${var.name}-platform"
  description    = "What OCI's services may do for ${var.name}."
  statements     = flatten(values(local.platform_policy))
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}
