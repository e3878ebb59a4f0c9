"""Which policy statements of the deployment allow which call, so that a refusal can name them."""

from collections.abc import Mapping

_CONTENT = ("read-content", "use-key")
ALLOWED_BY: Mapping[str, tuple[str, ...]] = {
    # secrets
    "list_secrets": ("list-secrets",),
    "get_secret": ("write-secrets",),
    "create_secret": ("write-secrets", "use-vault", "use-key"),
    "update_secret": ("write-secrets",),
    "schedule_secret_deletion": ("write-secrets",),
    "cancel_secret_deletion": ("write-secrets",),
    "list_secret_versions": ("prune-versions",),
    "schedule_secret_version_deletion": ("prune-versions", "write-secrets"),
    "get_secret_bundle": _CONTENT,
    "get_secret_bundle_by_name": _CONTENT,
    # what a connection can choose from
    "list_vaults": ("list-vaults",),
    "get_vault": ("list-vaults",),
    "list_keys": ("list-keys",),
    "list_compartments": ("list-compartments",),
    "get_compartment": ("list-compartments",),
    "get_user": (),  # a user may always look at itself
    "get_namespace": (),  # needs no permission
    # queue
    "put_messages": ("put-jobs",),
    "get_messages": ("take-jobs",),
    "update_message": ("take-jobs",),
    "delete_message": ("take-jobs",),
    "get_stats": ("queue-depth",),
    # config store
    "list_objects": ("store",),
    "get_object": ("store",),
    "put_object": ("store",),
    "delete_object": ("store",),
    # workers, notices, metrics
    "get_function": ("find-itself",),
    "invoke_function": ("start-workers",),
    "publish_message": ("tell-people",),
    "post_metric_data": ("count-runs",),
}
"""SDK method → names of the statements it needs, as the Terraform output `policy_statements` has them."""


def see_statements(operation: str | None) -> str:
    """Return a hint, to be put behind a refusal, at the statements that allow an SDK method."""
    names = ALLOWED_BY.get(operation or "", ())
    if not names:
        return ""
    return f" (see the policy statement{'s' * (len(names) > 1)} {', '.join(names)})"
