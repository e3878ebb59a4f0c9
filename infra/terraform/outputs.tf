output "repository" {
  description = "Where to push the image."
  value       = local.repository
}

output "webhook_url" {
  description = "URL of the secret manager's webhooks; null before the function is there."
  value       = one([for deployment in oci_apigateway_deployment.main : "${deployment.endpoint}/webhooks/infisical"])
}

output "api_url" {
  description = "Base URL of the management API; null before the function is there."
  value       = one([for deployment in oci_apigateway_deployment.main : "${deployment.endpoint}/api/v1"])
}

output "console_url" {
  description = "The web console; null before the function is there, or without is_console_enabled."
  value       = var.is_console_enabled ? one([for deployment in oci_apigateway_deployment.main : "${deployment.endpoint}/console"]) : null
}

output "health_url" {
  description = "Answers 200 if store, queue and secret manager answer; null before the function is there."
  value       = one([for deployment in oci_apigateway_deployment.main : "${deployment.endpoint}/healthz"])
}

output "function_ocid" {
  description = "The function; null before it is there."
  value       = local.function_ocid
}

output "function_config" {
  description = "The function's configuration. It holds no secret."
  value       = local.function_config
}

output "application_ocid" {
  description = "The application of the function."
  value       = oci_functions_application.main.id
}

output "dynamic_group_ocid" {
  description = "The function's dynamic group."
  value       = oci_identity_dynamic_group.function.id
}

output "policy_statements" {
  description = "Every policy statement in force, by the name that error messages use."
  value       = merge(local.function_policy, local.platform_policy)
}

output "credentials_secret_ocid" {
  description = "The secret to fill with the function's credentials."
  value       = oci_vault_secret.credentials.id
}

output "vault_ocid" {
  description = "The vault, for destinationConfig.vaultOcid of a sync."
  value       = local.vault_ocid
}

output "key_ocid" {
  description = "The key, for destinationConfig.keyOcid of a sync."
  value       = local.key_ocid
}

output "secrets_compartment_ocid" {
  description = "The compartment of the secrets, for destinationConfig.compartmentOcid of a sync."
  value       = local.secrets_compartment_ocid
}

output "bucket" {
  description = "The bucket of configs and status."
  value       = oci_objectstorage_bucket.config.name
}

output "queue_ocid" {
  description = "The queue of jobs."
  value       = oci_queue_queue.jobs.id
}

output "failures_topic_ocid" {
  description = "The topic of failures, recoveries and alarms: subscribe whoever shall know."
  value       = oci_ons_notification_topic.failures.id
}

output "log_group_ocid" {
  description = "The log group of function, gateway and event rule."
  value       = oci_logging_log_group.main.id
}

output "next_steps" {
  description = "What to do next."
  value       = local.is_deployed ? local.steps_when_deployed : local.steps_without_image
}
