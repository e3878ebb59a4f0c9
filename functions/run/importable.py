"""What of the vault may be imported into the source, and where it belongs there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from functions.errors import ContentRefused, SyncError
from functions.plan.bundle import unpack
from functions.plan.models import Bundle, State, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.table import Planner
from functions.run.observe import Observed, Observer
from functions.state.status import Pending

_NO_TEXT = "its content is not text, so the source cannot hold it"
_NO_BUNDLE = "its content is neither a JSON object of texts nor in the format env"


@dataclass(frozen=True, slots=True)
class Importable:
    """What was read of the vault, and why some of it cannot be imported."""

    names: Collection[str]
    """What was read, or may not be."""
    values: dict[str, SecretStr]
    """By address of the key."""
    refused: dict[str, Pending]
    present: frozenset[str]
    is_blind: bool
    """Whether nothing was read, and nothing refused for its own sake: rather for want of a permission."""
    failure: SyncError | None
    """What kept others from being read."""


def homes_of(planner: Planner, observed: Observed) -> dict[str, str]:
    """Return by vault name the address of the key that is pushed to that same name again; none of a bundle.

    A name that no key of the source has belongs to the sub-folder whose path it begins with, if there is one.
    """
    schema, source = planner.schema, observed.source
    if schema.bundle:
        return {schema.bundle.name: ""}
    present = {
        schema.render(at): at for at in (*source.errors, *(s.address for s in source.secrets))
    }
    folders = {schema.split(address)[0] for address in present.values()} - {""}
    found = {
        name: present.get(name) or schema.strip(name, folders)
        for name in planner.index(observed.listing)
    }
    return {name: at for name, at in found.items() if at is not None and schema.render(at) == name}


def may_import(
    planner: Planner, observed: Observed, homes: Mapping[str, str], *, replace: bool, is_first: bool
) -> list[VaultSecret]:
    """Return what may be imported: ACTIVE, in scope, nobody else's, first of all nothing of its own."""
    present = {s.address for s in observed.source.secrets} | observed.source.errors.keys()
    return [
        secret
        for name, secret in sorted(planner.index(observed.listing).items())
        if secret.state == State.ACTIVE
        and name in homes
        and not planner.protected_because(secret)
        and not planner.owned_by_other(secret)
        and not (is_first and planner.is_mine(secret) and DIGEST_TAG in secret.tags)
        and (replace or homes[name] not in present)
    ]


def read_importable(
    reader: Observer,
    observed: Observed,
    homes: Mapping[str, str],
    secrets: Sequence[VaultSecret],
    *,
    replace: bool,
) -> Importable:
    """Read what is to be imported."""
    schema = reader.planner(observed.listing).schema
    source = {secret.address: secret.value for secret in observed.source.secrets}
    merged = [secret for secret in observed.source.secrets if not secret.folder]
    below = {secret.key for secret in merged if secret.origin and secret.origin.kind != "import"}
    present = frozenset(source) | frozenset(observed.source.errors)
    bundles, unreadable, failure = reader.read(secrets)
    refused = {
        name: Pending(
            why=f"its content in the vault cannot be read: {why}",
            was_in_source=homes[name] in present,
        )
        for name, why in unreadable.items()
    }
    values: dict[str, SecretStr] = {}
    for name, content in bundles.items():
        texts = unpack(content.value) if schema.bundle else _text(homes[name], content)
        if texts is None:
            was_in_source = homes[name] in present
            refused[name] = Pending(
                why=_NO_BUNDLE if schema.bundle else _NO_TEXT, was_in_source=was_in_source
            )
            continue
        for address, text in texts.items():
            is_equal = address in source and source[address].get_secret_value() == text
            if is_equal or (address in present and not replace):
                continue
            if not text and not schema.bundle:
                continue
            if address in below:
                why = "the source holds it in a sub-folder, with another value; change it there"
                refused[name] = Pending(why=why, was_in_source=True)
            else:
                values[address] = SecretStr(text)
    is_blind = not (bundles or any(map(_is_of_one, unreadable.values())))
    names = [*bundles, *unreadable]
    return Importable(names, values, refused, present, is_blind, failure)


def _text(address: str, content: Bundle) -> dict[str, str] | None:
    try:
        return {address: content.value.get_secret_value().decode()}
    except UnicodeDecodeError:
        return None


def _is_of_one(refusal: SyncError) -> bool:
    """Say whether a refusal concerns its secret alone; the others may be for want of a permission."""
    return isinstance(refusal, ContentRefused)
