"""OCI Vault."""

from functions.cloud.clients import OciCalls
from functions.plan.sync_config import DestinationConfig
from functions.ports import SecretVault
from functions.secret_tags import SecretTags
from functions.vault.write import Vault


def open_vault(
    destination: DestinationConfig, calls: OciCalls, tags: SecretTags | None = None
) -> SecretVault:
    """Return the secrets of a destination, for one run; what it writes gets the tags."""
    return Vault(destination, calls, tags)
