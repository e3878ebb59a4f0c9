"""The source in the vault's terms: what the vault should hold. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretBytes

from functions.plan.models import Origin, SourceSecrets
from functions.plan.naming import KeySchema, refuse_name, refuse_value


@dataclass(frozen=True, slots=True)
class Desired:
    """The source in the vault's terms. Names in `errors` are neither written nor deleted."""

    values: Mapping[str, SecretBytes]
    errors: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)


def desired_from(source: SourceSecrets, schema: KeySchema) -> Desired:
    """Return what the vault should hold."""
    values: dict[str, SecretBytes] = {}
    errors = {schema.render(key): why for key, why in source.errors.items()}
    empty: list[str] = []
    origins: dict[str, Origin] = {}
    for secret in source.secrets:
        name = schema.render(secret.key)
        if secret.origin is not None:
            origins[name] = secret.origin
        try:
            value = secret.value.get_secret_value().encode()
        except UnicodeEncodeError:
            errors[name] = "the value is not valid Unicode text"
            continue
        why = refuse_name(name) or refuse_value(value)
        if why:
            errors[name] = why
        elif not value:
            empty.append(name)
        elif name not in errors:
            values[name] = SecretBytes(value)
    return Desired(values, errors, tuple(sorted(empty)), origins)
