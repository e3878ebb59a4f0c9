"""The source in the vault's terms: what the vault should hold. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretBytes

from functions.errors import InvalidInput
from functions.plan.bundle import KeyBundle, key_of
from functions.plan.models import Origin, SourceSecret, SourceSecrets
from functions.plan.naming import KeySchema, refuse_name, refuse_value
from functions.plan.plan import join
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
    parts: Mapping[str, SecretBytes] = field(default_factory=dict)
    """Each key's value, by what the key is called: as `values`, unless they are in a bundle."""

    def without(self, errors: Mapping[str, str]) -> "Desired":
        """Return the same but for names that have errors besides."""
        values = {name: value for name, value in self.values.items() if name not in errors}
        return replace(self, values=values, errors={**self.errors, **errors})


def desired_from(
    source: SourceSecrets, schema: KeySchema, only: TagFilter | None = None
) -> Desired:
    """Return what the vault should hold."""
    parts: dict[str, SecretBytes] = {}
    errors = {schema.part(address): why for address, why in source.errors.items()}
    empty: list[str] = []
    origins: dict[str, Origin] = {}
    addresses: dict[str, tuple[str, ...]] = {}
    for secret in source.secrets:
        name = schema.part(secret.address)
        is_chosen = _is_chosen(secret, only)
        if is_chosen is None:
            errors[name] = "the source does not tell its tags, by which this sync chooses"
        if not is_chosen:
            continue
        addresses[name] = (*addresses.get(name, ()), secret.address)
        if secret.origin is not None:
            origins[name] = secret.origin
        try:
            value = secret.value.get_secret_value().encode()
        except UnicodeEncodeError:
            errors[name] = "the value is not valid Unicode text"
            continue
        why = _refuse(schema, secret, value)
        if why:
            errors[name] = why
        elif not value and not schema.bundle:
            empty.append(name)
        elif name not in errors:
            parts[name] = SecretBytes(value)
    if schema.bundle:
        return _bundled(schema.bundle, parts, errors, origins)
    collisions = {name: several for name, several in addresses.items() if len(several) > 1}
    return Desired(parts, errors, tuple(sorted(empty)), origins, collisions, parts)


def _is_chosen(secret: SourceSecret, only: TagFilter | None) -> bool | None:
    """Say whether a key is to be synced, None where that cannot be told."""
    is_imported = secret.origin is not None and secret.origin.kind != "folder"
    if not only or is_imported:  # the source tells no tags of what is imported
        return True
    return None if secret.tags is None else only.takes(secret.tags)


def _refuse(schema: KeySchema, secret: SourceSecret, value: bytes) -> str | None:
    if schema.bundle:
        return schema.bundle.refuse(secret.key, value.decode())
    return refuse_name(schema.render(secret.address)) or refuse_value(value)


def _bundled(
    bundle: KeyBundle,
    parts: Mapping[str, SecretBytes],
    errors: Mapping[str, str],
    origins: Mapping[str, Origin],
) -> Desired:
    """Return the bundle as all that is desired; an error of one key is one of the whole."""
    if errors:
        told = join([f"{key_of(part)}: {why}" for part, why in sorted(errors.items())])
        return Desired({}, {bundle.name: told}, origins=origins, parts=parts)
    if not parts:
        return Desired({})
    content = bundle.pack({key_of(part): value for part, value in parts.items()})
    why = refuse_value(content.get_secret_value())
    if why:
        told = f"{why}: all keys of the bundle together"
        return Desired({}, {bundle.name: told}, origins=origins, parts=parts)
    return Desired({bundle.name: content}, origins=origins, parts=parts)


def refuse_collisions(source: SourceSecrets, desired: Desired) -> None:
    """Raise InvalidInput where several keys would have one name."""
    several = sorted((source.collisions or desired.collisions).items())
    if not several:
        return
    shown = join([f'"{name}" in {" and ".join(places)}' for name, places in several])
    if source.collisions:
        what, way = "keys are in more than one folder", "put {{folderPath}} into the key schema"
    else:
        what, way = "names would stand for more than one key", "sync the folders apart"
    raise InvalidInput(
        "The vault is one flat list, so each name can be used only once. These "
        f"{what}: {shown}. Rename them, or {way}."
    )
