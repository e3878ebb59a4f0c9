locals {
  steps_without_image = <<-TEXT
    Everything but the function is there. Next:

    1. In a clone of the repository, build the image and push it. The password is an auth token of your user:

         TAG=0.1.0    # one tag per build: the function is only deployed again when the tag changes
         docker login ${local.registry}
         docker buildx build --platform ${local.platform} --tag ${local.repository}:$TAG --push .

    2. Fill the credentials:
    ${local.fill_credentials}
    3. Apply again with the image that you pushed:

         image = "${local.repository}:0.1.0"
  TEXT

  steps_when_deployed = <<-TEXT
    The function is there. Next:

    1. ${var.alarm_email != "" ? "Confirm the subscription in the e-mail to ${var.alarm_email}." : "Nobody is told of failures yet: set alarm_email, or subscribe to the topic ${var.name}-failures."}

    2. Fill the credentials, unless you did:
    ${local.fill_credentials}
    3. See that it answers:

         curl ${local.endpoint}/healthz

       Policies take minutes to spread, and a container that is warm follows within 15 minutes. At once: change a setting
       and apply again, which starts new ones.

    4. In the secret manager, add a webhook for each environment: URL ${local.endpoint}/webhooks/infisical,
       secret path /**, and the webhook secret of step 2 as its secret key.

    5. Write a sync config, sync.json (docs/configure.md says how), with this destination, and store it:

         "destinationConfig": {
           "compartmentOcid": "${local.secrets_compartment_ocid}",
           "vaultOcid": "${local.vault_ocid}",
           "keyOcid": "${local.key_ocid}"
         }

         oci os object put --bucket-name ${local.bucket_name} --file sync.json --name secret-syncs/<projectId>/<file>.json

    6. See what comes of it. The clock starts within minutes, at the latest two hours after the first apply; this is a tick by hand:

         oci fn function invoke --function-id ${join("", oci_functions_function.main[*].id)} --file - --body '{"command": "tick"}'
  TEXT

  fill_credentials = <<-TEXT

         WEBHOOK_SECRET=$(openssl rand -hex 32)    # the webhook's secret key
         TOKEN=$(openssl rand -hex 32)             # the bearer token of the management API
         umask 077 && cat > credentials.json <<END
         {"clientId": "FILL IN", "clientSecret": "FILL IN", "webhookSecrets": ["$WEBHOOK_SECRET"],
          "apiTokenHashes": ["$(printf %s "$TOKEN" | openssl dgst -sha256 -r | cut -c 1-64)"], "digestKey": "$(openssl rand -base64 32)"}
         END
         # fill in client id and secret of the machine identity, then
         printf '{"secretId": "${oci_vault_secret.credentials.id}", "secretContentContent": "%s"}' \
           "$(openssl base64 -A < credentials.json)" > update.json
         oci vault secret update-base64 --from-json file://update.json && rm credentials.json update.json
  TEXT

  # An application that may run on both needs an image for both.
  platform = {
    GENERIC_X86     = "linux/amd64"
    GENERIC_ARM     = "linux/arm64"
    GENERIC_X86_ARM = "linux/amd64,linux/arm64"
  }[var.function_shape]

  endpoint = join("", oci_apigateway_deployment.main[*].endpoint)
}
