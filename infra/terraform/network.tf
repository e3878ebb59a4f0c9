# A network of its own, unless both subnets are given: a private one for the function, which reaches OCI's
# services by the service gateway and the secret manager by the NAT gateway, and a public one for the API gateway.

locals {
  makes_function_subnet = length(var.subnet_ocids) == 0
  makes_gateway_subnet  = var.gateway_subnet_ocid == ""
  makes_network         = local.makes_function_subnet || local.makes_gateway_subnet

  function_subnet_ocids = local.makes_function_subnet ? [oci_core_subnet.function[0].id] : var.subnet_ocids
  gateway_subnet_ocid   = local.makes_gateway_subnet ? oci_core_subnet.gateway[0].id : var.gateway_subnet_ocid

  network_cidr = "10.0.0.0/24"
  anywhere     = "0.0.0.0/0"
  tcp          = "6"
  icmp         = "1"

  # OCI's services listen on 443; the secret manager and a proxy may have another port.
  egress_ports = toset([443, local.ports[0], try(local.ports[1], 443)])
  ports = [
    for url in compact([var.source_url, var.source_proxy]) :
    tonumber(try(regex("^https?://(?:[^/@]+@)?[^/:]+:([0-9]+)", url)[0], startswith(url, "https") ? "443" : "80"))
  ]
}

resource "oci_core_vcn" "main" {
  count = local.makes_network ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = var.name
  cidr_blocks    = [local.network_cidr]
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

data "oci_core_services" "all" {
  filter {
    name   = "name"
    values = ["All .* Services In Oracle Services Network"]
    regex  = true
  }
}

# The function's subnet

resource "oci_core_nat_gateway" "main" {
  count = local.makes_function_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = var.name
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_core_service_gateway" "main" {
  count = local.makes_function_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = var.name
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  services {
    service_id = data.oci_core_services.all.services[0].id
  }
}

resource "oci_core_route_table" "function" {
  count = local.makes_function_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = "${var.name}-function"
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  route_rules {
    description       = "OCI's services"
    destination       = data.oci_core_services.all.services[0].cidr_block
    destination_type  = "SERVICE_CIDR_BLOCK"
    network_entity_id = oci_core_service_gateway.main[0].id
  }

  route_rules {
    description       = "The secret manager"
    destination       = local.anywhere
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_nat_gateway.main[0].id
  }
}

resource "oci_core_security_list" "function" {
  count = local.makes_function_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = "${var.name}-function"

  dynamic "egress_security_rules" {
    for_each = local.egress_ports

    content {
      description = "OCI's services and the secret manager"
      destination = local.anywhere
      protocol    = local.tcp

      tcp_options {
        min = egress_security_rules.value
        max = egress_security_rules.value
      }
    }
  }

  freeform_tags = local.freeform_tags
  defined_tags  = local.defined_tags

  # Without it large answers from the internet can be lost: the network's packets are larger.
  ingress_security_rules {
    description = "Path MTU discovery"
    source      = local.anywhere
    protocol    = local.icmp

    icmp_options {
      type = 3
      code = 4
    }
  }
}

resource "oci_core_subnet" "function" {
  count = local.makes_function_subnet ? 1 : 0

  compartment_id             = var.compartment_ocid
  vcn_id                     = oci_core_vcn.main[0].id
  display_name               = "${var.name}-function"
  cidr_block                 = cidrsubnet(local.network_cidr, 1, 0)
  prohibit_public_ip_on_vnic = true
  route_table_id             = oci_core_route_table.function[0].id
  security_list_ids          = [oci_core_security_list.function[0].id]
  freeform_tags              = local.freeform_tags
  defined_tags               = local.defined_tags
}

# The API gateway's subnet

resource "oci_core_internet_gateway" "main" {
  count = local.makes_gateway_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = var.name
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags
}

resource "oci_core_route_table" "gateway" {
  count = local.makes_gateway_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = "${var.name}-gateway"
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  route_rules {
    description       = "Callers, and the Functions service"
    destination       = local.anywhere
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_internet_gateway.main[0].id
  }
}

resource "oci_core_security_list" "gateway" {
  count = local.makes_gateway_subnet ? 1 : 0

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.main[0].id
  display_name   = "${var.name}-gateway"
  freeform_tags  = local.freeform_tags
  defined_tags   = local.defined_tags

  ingress_security_rules {
    description = "Webhooks and the management API"
    source      = local.anywhere
    protocol    = local.tcp

    tcp_options {
      min = 443
      max = 443
    }
  }

  ingress_security_rules {
    description = "Path MTU discovery"
    source      = local.anywhere
    protocol    = local.icmp

    icmp_options {
      type = 3
      code = 4
    }
  }

  egress_security_rules {
    description = "The Functions service"
    destination = local.anywhere
    protocol    = local.tcp

    tcp_options {
      min = 443
      max = 443
    }
  }
}

resource "oci_core_subnet" "gateway" {
  count = local.makes_gateway_subnet ? 1 : 0

  compartment_id             = var.compartment_ocid
  vcn_id                     = oci_core_vcn.main[0].id
  display_name               = "${var.name}-gateway"
  cidr_block                 = cidrsubnet(local.network_cidr, 1, 1)
  prohibit_public_ip_on_vnic = false
  route_table_id             = oci_core_route_table.gateway[0].id
  security_list_ids          = [oci_core_security_list.gateway[0].id]
  freeform_tags              = local.freeform_tags
  defined_tags               = local.defined_tags
}
