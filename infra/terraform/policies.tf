# Who may do what, and why. `narrow` names single permissions and what they are limited to; `fallback` is Oracle's
# documented verb, for a tenancy that refuses the narrow text. A statement without texts does not apply (yet).
# The function's error messages name statements by these names.

locals {
  function_principal = "dynamic-group id ${oci_identity_dynamic_group.function.id}"
  here               = "compartment id ${var.compartment_ocid}"
  root               = "compartment id ${var.tenancy_ocid}"

  # Each text is what the function is allowed to do.
  function_statements = {
    list-secrets = {
      why      = "Lists the secrets of a destination. A list belongs to no single vault, so it has no condition; names only, no content."
      narrow   = [for d in local.destinations : "inspect secrets in compartment id ${d.secrets_compartment_ocid}"]
      fallback = [for d in local.destinations : "inspect secrets in compartment id ${d.secrets_compartment_ocid}"]
    }
    write-secrets = {
      why      = "Creates, updates and restores secrets of the vault, and schedules their deletion."
      narrow   = [for d in local.places_of_content : "{SECRET_READ, SECRET_CREATE, SECRET_UPDATE, SECRET_DELETE} in compartment id ${d.secrets_compartment_ocid} where target.vault.id = '${d.vault_ocid}'"]
      fallback = [for d in local.places_of_content : "manage secrets in compartment id ${d.secrets_compartment_ocid}"]
    }
    prune-versions = {
      why      = "Schedules the deletion of old versions before a secret runs out of them."
      narrow   = [for d in local.destinations : "{SECRET_VERSION_INSPECT, SECRET_VERSION_DELETE} in compartment id ${d.secrets_compartment_ocid} where target.vault.id = '${d.vault_ocid}'"]
      fallback = [for d in local.destinations : "manage secret-versions in compartment id ${d.secrets_compartment_ocid}"]
    }
    read-content = {
      why      = "Reads its credentials, and compares what the vault holds with the source."
      narrow   = [for d in local.places_of_content : "{SECRET_BUNDLE_READ} in compartment id ${d.secrets_compartment_ocid} where target.vault.id = '${d.vault_ocid}'"]
      fallback = [for d in local.places_of_content : "read secret-bundles in compartment id ${d.secrets_compartment_ocid}"]
    }
    use-vault = {
      why      = "Creating a secret needs this permission on its vault."
      narrow   = [for d in local.destinations : "{VAULT_CREATE_SECRET} in compartment id ${d.vault_compartment_ocid} where target.vault.id = '${d.vault_ocid}'"]
      fallback = [for d in local.destinations : "use vaults in compartment id ${d.vault_compartment_ocid}"]
    }
    use-key = {
      why      = "Secrets are encrypted and decrypted with the key on the caller's behalf."
      narrow   = [for d in local.destinations : "{KEY_ENCRYPT, KEY_DECRYPT} in compartment id ${d.vault_compartment_ocid} where target.key.id = '${d.key_ocid}'"]
      fallback = [for d in local.destinations : "use keys in compartment id ${d.vault_compartment_ocid} where target.key.id = '${d.key_ocid}'"]
    }
    list-vaults = {
      why      = "The management API lists the vaults to choose from; a vault also says where its keys are listed."
      narrow   = [for d in local.destinations : "{VAULT_INSPECT, VAULT_READ} in compartment id ${d.vault_compartment_ocid}"]
      fallback = [for d in local.destinations : "read vaults in compartment id ${d.vault_compartment_ocid}"]
    }
    list-keys = {
      why      = "The management API lists the keys to choose from."
      narrow   = [for d in local.destinations : "inspect keys in compartment id ${d.vault_compartment_ocid}"]
      fallback = [for d in local.destinations : "inspect keys in compartment id ${d.vault_compartment_ocid}"]
    }
    list-compartments = {
      why      = "The management API lists the compartments to choose from; names only."
      narrow   = ["inspect compartments in tenancy"]
      fallback = ["inspect compartments in tenancy"]
    }
    put-jobs = {
      why      = "Puts each job on the queue before it is tried."
      narrow   = ["use queue-push in ${local.here} where target.queue.id = '${oci_queue_queue.jobs.id}'"]
      fallback = ["use queue-push in ${local.here} where target.queue.id = '${oci_queue_queue.jobs.id}'"]
    }
    take-jobs = {
      why      = "Takes jobs off the queue."
      narrow   = ["use queue-pull in ${local.here} where target.queue.id = '${oci_queue_queue.jobs.id}'"]
      fallback = ["use queue-pull in ${local.here} where target.queue.id = '${oci_queue_queue.jobs.id}'"]
    }
    queue-depth = {
      why      = "Sees how many jobs wait and how many are dead letters."
      narrow   = ["{QUEUE_READ} in ${local.here} where target.queue.id = '${oci_queue_queue.jobs.id}'"]
      fallback = ["read queues in ${local.here}"]
    }
    store = {
      why      = "Keeps configs, status and leases in the bucket. It can neither change the bucket nor delete old versions."
      narrow   = ["manage objects in ${local.here} where all {target.bucket.name = '${local.bucket_name}', any {request.permission = 'OBJECT_INSPECT', request.permission = 'OBJECT_READ', request.permission = 'OBJECT_CREATE', request.permission = 'OBJECT_OVERWRITE', request.permission = 'OBJECT_DELETE'}}"]
      fallback = ["manage objects in ${local.here} where target.bucket.name = '${local.bucket_name}'"]
    }
    find-itself = {
      why      = "Looks up its own invoke endpoint."
      narrow   = [for ocid in oci_functions_function.main[*].id : "{FN_FUNCTION_READ} in ${local.here} where target.function.id = '${ocid}'"]
      fallback = [for ocid in oci_functions_function.main[*].id : "read fn-function in ${local.here}"]
    }
    start-workers = {
      why      = "Starts detached runs of itself when much is waiting."
      narrow   = [for ocid in oci_functions_function.main[*].id : "{FN_INVOCATION} in ${local.here} where target.function.id = '${ocid}'"]
      fallback = [for ocid in oci_functions_function.main[*].id : "use fn-invocation in ${local.here}"]
    }
    tell-people = {
      why      = "Publishes failures and recoveries. Notifications documents no condition on one topic."
      narrow   = ["{ONS_TOPIC_PUBLISH} in ${local.here}"]
      fallback = ["use ons-topics in ${local.here}"]
    }
    count-runs = {
      why      = "Posts its own metrics, in its own namespace."
      narrow   = ["{METRIC_WRITE} in ${local.here} where target.metrics.namespace = '${var.metrics_namespace}'"]
      fallback = ["use metrics in ${local.here} where target.metrics.namespace = '${var.metrics_namespace}'"]
    }
  }

  platform_statements = {
    gateway-calls = {
      why      = "The API gateway of this compartment calls the function."
      narrow   = ["Allow any-user to use functions-family in ${local.here} where ALL {request.principal.type = 'ApiGateway', request.resource.compartment.id = '${var.compartment_ocid}'}"]
      fallback = ["Allow any-user to use functions-family in ${local.here} where ALL {request.principal.type = 'ApiGateway', request.resource.compartment.id = '${var.compartment_ocid}'}"]
    }
    events-calls = {
      why      = "Events calls the function. Without it the rules look active and nothing happens."
      narrow   = var.is_events_enabled ? ["Allow service cloudEvents to use functions-family in ${local.here}"] : []
      fallback = var.is_events_enabled ? ["Allow service cloudEvents to use functions-family in ${local.here}"] : []
    }
    scheduler-calls = {
      why      = "The one schedule calls the function; manage is the verb that Oracle documents for it."
      narrow   = [for ocid in oci_resource_scheduler_schedule.clock[*].id : "Allow any-user to manage functions-family in ${local.here} where all {request.principal.type = 'resourceschedule', request.principal.id = '${ocid}'}"]
      fallback = [for ocid in oci_resource_scheduler_schedule.clock[*].id : "Allow any-user to manage functions-family in ${local.here} where all {request.principal.type = 'resourceschedule', request.principal.id = '${ocid}'}"]
    }
    platform-pulls = {
      why = "The Functions service pulls the image and attaches the function to its subnet."
      narrow = concat(
        ["Allow service faas to read repos in ${local.here}"],
        [for ocid in local.network_compartment_ocids : "Allow service faas to use virtual-network-family in compartment id ${ocid}"],
      )
      fallback = concat(
        ["Allow service faas to read repos in tenancy"],
        [for ocid in local.network_compartment_ocids : "Allow service faas to use virtual-network-family in compartment id ${ocid}"],
      )
    }
    expire-versions = {
      why      = "Object Storage deletes old versions of objects by the bucket's lifecycle policy."
      narrow   = ["Allow service objectstorage-${var.region} to manage object-family in ${local.here} where target.bucket.name = '${local.bucket_name}'"]
      fallback = ["Allow service objectstorage-${var.region} to manage object-family in ${local.here}"]
    }
  }

  # What the policies are made of: two maps, as triggers wait for the first, and the second for triggers. The root
  # compartment is called tenancy in them.
  function_policy = {
    for name, statement in local.function_statements :
    name => [
      for text in distinct(statement[var.policy_form]) :
      replace("Allow ${local.function_principal} to ${text}", "in ${local.root}", "in tenancy")
    ]
    if length(statement.narrow) > 0
  }
  platform_policy = {
    for name, statement in local.platform_statements :
    name => [for text in distinct(statement[var.policy_form]) : replace(text, "in ${local.root}", "in tenancy")]
    if length(statement.narrow) > 0
  }

  network_compartment_ocids = local.makes_function_subnet ? [var.compartment_ocid] : values(data.oci_core_subnet.function)[*].compartment_id
}

data "oci_core_subnet" "function" {
  for_each = toset(var.subnet_ocids)

  subnet_id = each.value
}
