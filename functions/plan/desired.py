"""The source in the vault's terms: what the vault should hold. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretBytes

from functions.plan.models import Origin, SourceSecrets
from functions.plan.naming import KeySchema, refuse_name, refuse_value
from functions.plan.sync_config import TagFilter


@dataclass(frozen=True, slots=True)
class Desired:
    """The source in the vault's terms. Names in `errors` are neither written nor deleted."""

    values: Mapping[str, SecretBytes]
    errors: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    collisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that several keys of the source would have, and where those are."""


def desired_from(
    source: SourceSecrets, schema: KeySchema, only: TagFilter | None = None
) -> Desired:
    """Return what the vault should hold."""
    values: dict[str, SecretBytes] = {}
    errors = {schema.render(address): why for address, why in source.errors.items()}
    empty: list[str] = []
    origins: dict[str, Origin] = {}
    addresses: dict[str, tuple[str, ...]] = {}
    for secret in source.secrets:
        name = schema.render(secret.address)
        is_imported = secret.origin is not None and secret.origin.kind != "folder"
        if only and not is_imported:  # the source tells no tags of what is imported
            if secret.tags is None:
                errors[name] = "the source does not tell its tags, by which this sync chooses"
                continue
            if not only.takes(secret.tags):
                continue
        addresses[name] = (*addresses.get(name, ()), secret.address)
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
    collisions = {name: several for name, several in addresses.items() if len(several) > 1}
    return Desired(values, errors, tuple(sorted(empty)), origins, collisions)
