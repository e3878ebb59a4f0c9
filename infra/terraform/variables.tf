# Where

variable "tenancy_ocid" {
  description = "OCID of the tenancy. Resource Manager fills it in."
  type        = string

  validation {
    condition     = can(regex("^ocid1\\.tenancy\\.[a-z0-9]+\\.\\.[A-Za-z0-9]+$", var.tenancy_ocid))
    error_message = "It must be the OCID of a tenancy: ocid1.tenancy.<realm>..<id>."
  }
}

variable "region" {
  description = "Region of everything but dynamic group and policies, e.g. eu-frankfurt-1. Resource Manager fills it in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(-[a-z0-9]+)+$", var.region))
    error_message = "It must be a region identifier such as eu-frankfurt-1."
  }
}

variable "compartment_ocid" {
  description = "OCID of the compartment of the deployment: function, gateway, queue, bucket, topics, logs."
  type        = string

  validation {
    condition     = can(regex("^ocid1\\.(compartment|tenancy)\\.[a-z0-9]+\\.\\.[A-Za-z0-9]+$", var.compartment_ocid))
    error_message = "It must be the OCID of a compartment: ocid1.compartment.<realm>..<id>."
  }
}

variable "name" {
  description = "Prefix of all names. Topics, dynamic group, policies and bucket need names of their own in the whole tenancy, so a second deployment needs another one."
  type        = string
  default     = "vault-sync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "3 to 30 lower-case letters, digits and hyphens; a letter first, no hyphen last."
  }
}

variable "tags" {
  description = "Free-form tags, and defined tags by Namespace.key, of everything that is made here but the synced secrets."
  type = object({
    freeformTags = map(string)
    definedTags  = map(string)
  })
  default  = { freeformTags = {}, definedTags = {} }
  nullable = false

  validation {
    condition     = length(var.tags.freeformTags) <= 10
    error_message = "OCI takes ten free-form tags at most."
  }

  validation {
    condition     = alltrue([for name in keys(var.tags.definedTags) : can(regex("^[^. ]+\\.[^. ]+$", name))])
    error_message = "A defined tag is called Namespace.key."
  }
}

# The secret manager

variable "source_url" {
  description = "Base URL of the secret manager, e.g. https://app.infisical.com."
  type        = string

  validation {
    condition     = can(regex("^https?://[^\\s/?#@]+[^\\s?#@]*$", var.source_url))
    error_message = "It must be an http or https URL without user, password, query or fragment."
  }
}

variable "source_kind" {
  description = "infisical (Infisical, and the Hanzo KMS that serves the same API) or hanzo-kms (the /v1/kms API)."
  type        = string
  default     = "infisical"
  nullable    = false

  validation {
    condition     = contains(["infisical", "hanzo-kms"], var.source_kind)
    error_message = "It must be infisical or hanzo-kms."
  }
}

variable "source_ca_secret_ocid" {
  description = "OCID of the vault secret that holds the certificate (PEM) of the private CA that signed the secret manager's. It is read like the credentials, so it has to lie in the same vault and compartment. Empty: public CAs only."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.source_ca_secret_ocid == "" || can(regex("^ocid1\\.vaultsecret\\.[A-Za-z0-9._-]+$", var.source_ca_secret_ocid))
    error_message = "It must be the OCID of a secret: ocid1.vaultsecret.…."
  }
}

variable "source_proxy" {
  description = "URL of the forward proxy to the secret manager, perhaps with a user but without a password (which is sourceProxyPassword in the credentials). Empty: none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.source_proxy == "" || can(regex("^https?://([^\\s/?#@:]+@)?[^\\s/?#@]+/?$", var.source_proxy))
    error_message = "It must be an http or https URL of a host, without password, path and query."
  }
}

variable "source_timeout_seconds" {
  description = "How long the secret manager may take for an answer, in seconds."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.source_timeout_seconds >= 1 && var.source_timeout_seconds <= 30 && floor(var.source_timeout_seconds) == var.source_timeout_seconds
    error_message = "It must be a whole number from 1 to 30."
  }
}

# The function

variable "image" {
  description = "Image of the function with its tag, in the registry of this region. Empty: everything is made but the function and what needs it, as the repository to push to has to be there first."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.image == "" || can(regex("^[a-z0-9.-]+/[^\\s:@]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image))
    error_message = "It must look like <region>.ocir.io/<namespace>/<repository>:<tag>."
  }
}

variable "image_digest" {
  description = "Digest of the image (sha256:…). Empty: the digest that the tag has when it is deployed. Change it together with the image: the provider drops a digest that stays the same once."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.image_digest == "" || can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "It must be sha256: and 64 hexadecimal digits."
  }
}

variable "registry" {
  description = "Host of the registry that the image is in. Empty: this region's, <region>.ocir.io, or ocir.<region>.oci.<domain> in realms other than oc1."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.registry == "" || can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", var.registry))
    error_message = "It must be a host name, such as eu-frankfurt-1.ocir.io."
  }
}

variable "function_shape" {
  description = "Processors that the image is built for. It cannot be changed later without replacing the application."
  type        = string
  default     = "GENERIC_X86"
  nullable    = false

  validation {
    condition     = contains(["GENERIC_X86", "GENERIC_ARM", "GENERIC_X86_ARM"], var.function_shape)
    error_message = "It must be GENERIC_X86, GENERIC_ARM or GENERIC_X86_ARM."
  }
}

variable "memory" {
  description = "Memory of the function in MB; processor time grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 3072], var.memory)
    error_message = "It must be 256, 512, 1024, 2048 or 3072."
  }
}

variable "reconcile_interval_seconds" {
  description = "How often a tick verifies a sync that no event touched, in seconds."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.reconcile_interval_seconds >= 60 && floor(var.reconcile_interval_seconds) == var.reconcile_interval_seconds
    error_message = "It must be a whole number, 60 or more."
  }
}

variable "max_workers" {
  description = "Detached workers that ticks may keep running."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_workers >= 0 && var.max_workers <= 100 && floor(var.max_workers) == var.max_workers
    error_message = "It must be a whole number from 0 to 100."
  }
}

variable "vault_concurrency" {
  description = "Parallel vault calls in one run."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.vault_concurrency >= 1 && var.vault_concurrency <= 64 && floor(var.vault_concurrency) == var.vault_concurrency
    error_message = "It must be a whole number from 1 to 64."
  }
}

variable "log_level" {
  description = "DEBUG, INFO, WARNING, ERROR or CRITICAL."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.log_level)
    error_message = "It must be DEBUG, INFO, WARNING, ERROR or CRITICAL."
  }
}

# The vault

variable "vault_ocid" {
  description = "OCID of the vault that is synced. Empty: one is made."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.vault_ocid == "" || can(regex("^ocid1\\.vault\\.[A-Za-z0-9._-]+$", var.vault_ocid))
    error_message = "It must be the OCID of a vault: ocid1.vault.…."
  }
}

variable "key_ocid" {
  description = "OCID of the AES key in that vault that encrypts new secrets. Empty: one is made."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.key_ocid == "" || can(regex("^ocid1\\.key\\.[A-Za-z0-9._-]+$", var.key_ocid))
    error_message = "It must be the OCID of a key: ocid1.key.…."
  }
}

variable "vault_compartment_ocid" {
  description = "OCID of the compartment of vault and key. Empty: the deployment's."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.vault_compartment_ocid == "" || can(regex("^ocid1\\.(compartment|tenancy)\\.[A-Za-z0-9._-]+$", var.vault_compartment_ocid))
    error_message = "It must be the OCID of a compartment: ocid1.compartment.…."
  }
}

variable "secrets_compartment_ocid" {
  description = "OCID of the compartment of the secrets. Empty: that of vault and key."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.secrets_compartment_ocid == "" || can(regex("^ocid1\\.(compartment|tenancy)\\.[A-Za-z0-9._-]+$", var.secrets_compartment_ocid))
    error_message = "It must be the OCID of a compartment: ocid1.compartment.…."
  }
}

variable "more_vaults" {
  description = "Further vaults that the function may sync to, of any region of the tenancy. Events of vaults in other regions do not reach the function: ticks find what was changed there."
  type = list(object({
    secrets_compartment_ocid = string
    vault_ocid               = string
    vault_compartment_ocid   = string
    key_ocid                 = string
  }))
  default  = []
  nullable = false

  validation {
    # OCI takes 50 statements in a policy: 11 of the function itself, and 8 for each vault.
    condition     = length(var.more_vaults) <= 3
    error_message = "Three more vaults at most; let further ones be reached by another deployment."
  }

  validation {
    condition = alltrue([
      for row in var.more_vaults : can(regex("^ocid1\\.vault\\.[A-Za-z0-9._-]+$", row.vault_ocid)) && can(regex("^ocid1\\.key\\.[A-Za-z0-9._-]+$", row.key_ocid))
      && can(regex("^ocid1\\.(compartment|tenancy)\\.[A-Za-z0-9._-]+$", row.secrets_compartment_ocid))
      && can(regex("^ocid1\\.(compartment|tenancy)\\.[A-Za-z0-9._-]+$", row.vault_compartment_ocid))
    ])
    error_message = "Each needs four OCIDs: compartment of the secrets, vault, compartment of vault and key, key."
  }
}

# Network

variable "subnet_ocids" {
  description = "OCIDs of one to three existing subnets for the function, with a way to the secret manager and to OCI's services. Empty: a network is made."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.subnet_ocids) <= 3 && alltrue([for ocid in var.subnet_ocids : can(regex("^ocid1\\.subnet\\.[A-Za-z0-9._-]+$", ocid))])
    error_message = "At most three, each the OCID of a subnet: ocid1.subnet.…."
  }
}

variable "gateway_subnet_ocid" {
  description = "OCID of an existing public, regional subnet for the API gateway that lets in TCP 443. Empty: a network is made."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.gateway_subnet_ocid == "" || can(regex("^ocid1\\.subnet\\.[A-Za-z0-9._-]+$", var.gateway_subnet_ocid))
    error_message = "It must be the OCID of a subnet: ocid1.subnet.…."
  }
}

# Rights and operation

variable "policy_form" {
  description = "narrow: single permissions, limited to one vault, key, queue, bucket and function. fallback: documented verbs, if the tenancy refuses a narrow statement."
  type        = string
  default     = "narrow"
  nullable    = false

  validation {
    condition     = contains(["narrow", "fallback"], var.policy_form)
    error_message = "It must be narrow or fallback."
  }
}

variable "is_events_enabled" {
  description = "Whether Events calls the function at once when a config or a vault was written. Tenancies with a limit of 0 rules (Always Free) need false: ticks find the same within reconcile_interval_seconds."
  type        = bool
  default     = true
  nullable    = false
}

variable "is_console_enabled" {
  description = "Whether the API gateway serves the web console at /console. The page holds no secret and asks for a token of the management API."
  type        = bool
  default     = true
  nullable    = false
}

variable "secret_tags" {
  description = "Free-form tags, and defined tags by Namespace.key, of every secret that is synced. A sync may have more of its own."
  type = object({
    freeformTags = map(string)
    definedTags  = map(string)
  })
  default  = { freeformTags = {}, definedTags = {} }
  nullable = false

  validation {
    condition     = length(var.secret_tags.freeformTags) <= 8 && !anytrue([for name in keys(var.secret_tags.freeformTags) : startswith(name, "oci-vault-sync")])
    error_message = "OCI takes ten free-form tags, two of them the sync's own, which begin with oci-vault-sync: eight others at most."
  }

  validation {
    condition     = alltrue([for name in keys(var.secret_tags.definedTags) : can(regex("^[^. ]+\\.[^. ]+$", name))])
    error_message = "A defined tag is called Namespace.key."
  }
}

variable "alarm_email" {
  description = "E-mail address that is told of failures; it has to confirm once. Empty: nobody is told by e-mail."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alarm_email))
    error_message = "It must be an e-mail address."
  }
}

variable "metrics_namespace" {
  description = "Namespace of the function's own metrics in OCI Monitoring."
  type        = string
  default     = "vault_sync"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_]*$", var.metrics_namespace)) && !can(regex("^(oci|oracle)_", var.metrics_namespace))
    error_message = "Letters, digits and _ only, a letter first; oci_ and oracle_ are OCI's own prefixes."
  }
}
