"""The real OCI SDK against the simulators."""

import base64
import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import oci
import pytest
from oci.vault import models

from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.principal import make_principal, public_key


@cache
def signing():
    """Return a resource principal's signer and the public key that verifies it."""
    with TemporaryDirectory() as directory:
        path = Path(directory)
        with mock.patch.dict(os.environ, make_principal(path)):
            return oci.auth.signers.get_resource_principals_signer(), public_key(path)


def client(kind, cloud, signer=None, config=None):
    """Return a client of the SDK without its retries and its circuit breaker."""
    return kind(
        config or {},
        **({} if config else {"signer": signer or signing()[0]}),
        service_endpoint=cloud.url,
        retry_strategy=oci.retry.NoneRetryStrategy(),
        circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
    )


def refused(call, *args, **kwargs):
    """Return status and code of the error that a call answers."""
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        call(*args, **kwargs)
    return caught.value.status, caught.value.code


def content(value):
    """Return the content of a create or update."""
    return models.Base64SecretContentDetails(content=base64.b64encode(value).decode())


def create(vaults, name, value=b"one", *, token=None, **fields):
    """Create a secret."""
    details = {
        "compartment_id": COMPARTMENT_ID,
        "vault_id": VAULT_ID,
        "key_id": KEY_ID,
        "secret_name": name,
        "secret_content": content(value),
    }
    made = models.CreateSecretDetails(**{**details, **fields})
    return vaults.create_secret(made, **({"opc_retry_token": token} if token else {}))


def update(vaults, secret_id, value=None, *, if_match=None, **fields):
    """Update a secret's content (if given) and fields."""
    details = models.UpdateSecretDetails(
        **({"secret_content": content(value)} if value else {}), **fields
    )
    return vaults.update_secret(secret_id, details, **({"if_match": if_match} if if_match else {}))


def schedule(vaults, secret_id, when=None, **options):
    """Schedule the deletion of a secret."""
    details = models.ScheduleSecretDeletionDetails(time_of_deletion=when)
    return vaults.schedule_secret_deletion(secret_id, details, **options)
