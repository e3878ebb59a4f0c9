"""OCI Vault."""

from functions.cloud.clients import OciCalls
from functions.plan.sync_config import DestinationConfig
from functions.ports import SecretVault
from functions.vault.write import Vault


def open_vault(destination: DestinationConfig, calls: OciCalls) -> SecretVault:
    """Return the secrets of a destination, for one run."""
    return Vault(destination, calls)
