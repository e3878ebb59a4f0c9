"""Names: the key schema (render, match, strip) and what OCI Vault accepts as name and content."""

import re
from collections.abc import Iterable

from functions.plan.bundle import KeyBundle

_KEY = "{{secretKey}}"
_ENVIRONMENT = "{{environment}}"
_FOLDER = "{{folderPath}}"
_NO_FOLDER = re.compile(r"\{\{folderPath\}\}[_-]")
_PLACEHOLDER = re.compile(r"\{\{(?:secretKey|folderPath)\}\}")
_FIXED = r"[a-zA-Z0-9_-]|\{\{environment\}\}"
_TEXT = rf"{_FIXED}|\{{\{{secretKey\}}\}}"
SCHEMA = rf"((({_FIXED})*\{{\{{folderPath\}}\}}[_-])?({_TEXT})*\{{\{{secretKey\}}\}}({_TEXT})*)?"
"""What a key schema looks like, as a regular expression."""
_VAULT_NAME = re.compile(r"[A-Za-z0-9_.-]+")
MAX_VAULT_NAME_CHARACTERS = 255
MAX_VALUE_BYTES = 25_000
MAX_SCHEMA_CHARACTERS = 255
SCHEMA_WORDS = (
    "Key schema must include a {{secretKey}} placeholder. It can also include {{environment}} "
    "placeholders and, before the key and followed by a dash or an underscore, one {{folderPath}}. "
    "Only alphanumeric characters (a-z, A-Z, 0-9), dashes (-), and underscores (_) are allowed besides "
    "the placeholders: OCI Vault takes no others in a name."
)


def check_schema(schema: str, *, is_stored: bool = False) -> str:
    """Return the trimmed schema, or raise ValueError that says what a key schema may hold.

    Slashes were allowed once: a stored schema may hold them, though no key can be written with them.
    """
    schema = schema.strip()
    if len(schema) > MAX_SCHEMA_CHARACTERS:
        raise ValueError(f"Key schema must be at most {MAX_SCHEMA_CHARACTERS} characters")
    if not re.fullmatch(SCHEMA, schema.replace("/", "x") if is_stored else schema):
        raise ValueError(SCHEMA_WORDS)
    return schema


class KeySchema:
    """How source keys and vault names correspond. Nothing is HTML-escaped, so it is reversible.

    A key is given by its address, see `SourceSecret`. Of a key of the synced folder itself the path is
    empty, and the character that follows the path's placeholder falls away with it. All keys of a bundle
    have its name, whatever the schema.
    """

    def __init__(
        self, schema: str | None, environment: str, bundle: KeyBundle | None = None
    ) -> None:
        self.bundle = bundle
        self._template = (schema or _KEY).replace(_ENVIRONMENT, environment)
        self.is_by_folder = _FOLDER in self._template and not bundle
        self._prefix, *_, self._suffix = _PLACEHOLDER.split(self._template)
        self._keeps_depth = "/" in self._prefix + self._suffix

    def render(self, address: str) -> str:
        """Return the vault name of a source key."""
        if self.bundle:
            return self.bundle.name
        folder, key = self.split(address)
        return self._in(folder).replace(_KEY, key)

    def part(self, address: str) -> str:
        """Return what a key is called: the name of its vault secret, or its own in a bundle."""
        return self.bundle.part(address) if self.bundle else self.render(address)

    def split(self, address: str) -> tuple[str, str]:
        """Return the path of the sub-folder and the key."""
        folder, _, key = address.rpartition("/") if self.is_by_folder else ("", "", address)
        return folder, key

    def matches(self, name: str) -> bool:
        """Say whether a vault name is in scope: it has the schema's prefix and suffix."""
        if self.bundle:
            return name == self.bundle.name
        key = _between(name, self._prefix, self._suffix)
        return key is not None and not (self._keeps_depth and "/" in key)

    def strip(self, name: str, folders: Iterable[str] = ()) -> str | None:
        """Return the address of a vault name's key, None where the name is not in scope, or no key's.

        Of the sub-folders it may be in, that with the longest path counts.
        """
        if self.bundle or not self.matches(name):
            return None
        for folder in sorted(folders, key=len, reverse=True) if self.is_by_folder else ():
            key = self._key_in(folder, name)
            if key:
                return f"{folder}/{key}"
        return self._key_in("", name)

    def overlaps(self, other: "KeySchema") -> bool:
        """Say whether some vault name is in scope of both."""
        if self.bundle or other.bundle:
            return any(
                one.bundle and two.matches(one.bundle.name)
                for one, two in ((self, other), (other, self))
            )
        head, longer_head = sorted((self._prefix, other._prefix), key=len)  # noqa: SLF001
        tail, longer_tail = sorted((self._suffix, other._suffix), key=len)  # noqa: SLF001
        return longer_head.startswith(head) and longer_tail.endswith(tail)

    def _in(self, folder: str) -> str:
        """Return the template for the keys of one folder."""
        if folder:
            return self._template.replace(_FOLDER, folder.replace("/", "_"))
        return _NO_FOLDER.sub("", self._template)

    def _key_in(self, folder: str, name: str) -> str | None:
        prefix, *_, suffix = self._in(folder).split(_KEY)
        return _between(name, prefix, suffix)


def _between(name: str, prefix: str, suffix: str) -> str | None:
    """Return what is between the two, None where the name does not have both."""
    is_long_enough = len(name) >= len(prefix) + len(suffix)
    if not (is_long_enough and name.startswith(prefix) and name.endswith(suffix)):
        return None
    return name[len(prefix) : len(name) - len(suffix)]


def refuse_name(name: str) -> str | None:
    """Say why OCI Vault would refuse `name`, None where it accepts it."""
    if not name:
        return "the name is empty"
    if len(name) > MAX_VAULT_NAME_CHARACTERS:
        return f"the vault name is longer than {MAX_VAULT_NAME_CHARACTERS} characters"
    if not _VAULT_NAME.fullmatch(name):
        return "OCI Vault allows only letters, digits, hyphens, underscores and periods in a name"
    return None


def refuse_value(value: bytes) -> str | None:
    """Say why OCI Vault would refuse content, None where it accepts it."""
    if len(value) > MAX_VALUE_BYTES:
        return f"the value has {len(value)} bytes; OCI Vault takes at most {MAX_VALUE_BYTES}"
    return None
