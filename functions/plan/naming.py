"""Names: the key schema (render, match, strip) and what OCI Vault accepts as name and content."""

import re

_ALLOWED = re.compile(r"([a-zA-Z0-9_\-/]|\{\{secretKey\}\}|\{\{environment\}\})*")
_KEY = "{{secretKey}}"
_ENVIRONMENT = "{{environment}}"
_VAULT_NAME = re.compile(r"[A-Za-z0-9_.-]+")
MAX_VAULT_NAME_CHARACTERS = 255
MAX_VALUE_BYTES = 25_000
MAX_SCHEMA_CHARACTERS = 255
SCHEMA_WORDS = (
    "Key schema must include a {{secretKey}} placeholder. It can also include "
    "{{environment}} placeholders. Only alphanumeric characters (a-z, A-Z, 0-9), dashes "
    "(-), and underscores (_) are allowed besides the placeholders: OCI Vault takes no others in a name."
)


def check_schema(schema: str, *, is_stored: bool = False) -> str:
    """Return the trimmed schema, or raise ValueError that says what a key schema may hold.

    Slashes were allowed once: a stored schema may hold them, though no key can be written with them.
    """
    schema = schema.strip()
    if len(schema) > MAX_SCHEMA_CHARACTERS:
        raise ValueError(f"Key schema must be at most {MAX_SCHEMA_CHARACTERS} characters")
    is_allowed = _ALLOWED.fullmatch(schema) and (is_stored or "/" not in schema)
    if schema and not (is_allowed and _KEY in schema):
        raise ValueError(SCHEMA_WORDS)
    return schema


class KeySchema:
    """How source keys and vault names correspond. Nothing is HTML-escaped, so it is reversible."""

    def __init__(self, schema: str | None, environment: str) -> None:
        self._template = (schema or _KEY).replace(_ENVIRONMENT, environment)
        self._prefix, *_, self._suffix = self._template.split(_KEY)
        self._keeps_depth = "/" in self._prefix + self._suffix

    def render(self, key: str) -> str:
        """Return the vault name of a source key."""
        return self._template.replace(_KEY, key)

    def matches(self, name: str) -> bool:
        """Say whether a vault name is in scope: it has the schema's prefix and suffix."""
        return self.strip(name) is not None

    def strip(self, name: str) -> str | None:
        """Return the source key of a vault name, None where the name is not in scope."""
        prefix, suffix = self._prefix, self._suffix
        if len(name) < len(prefix) + len(suffix):
            return None
        if not (name.startswith(prefix) and name.endswith(suffix)):
            return None
        middle = name[len(prefix) : len(name) - len(suffix)]
        return None if self._keeps_depth and "/" in middle else middle

    def overlaps(self, other: "KeySchema") -> bool:
        """Say whether some vault name is in scope of both."""
        head, longer_head = sorted((self._prefix, other._prefix), key=len)  # noqa: SLF001
        tail, longer_tail = sorted((self._suffix, other._suffix), key=len)  # noqa: SLF001
        return longer_head.startswith(head) and longer_tail.endswith(tail)


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
