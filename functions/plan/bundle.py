r"""A bundle: all keys of a folder as the content of one vault secret. Pure.

`json` is one object of texts. `env` is lines `KEY=value` for a POSIX shell (`set -a; . ./file`): a value of
other characters than letters, digits and `_./:@%+,=-` stands in single quotes, in which a shell changes
nothing, lines included; a single quote itself is written as `'\''`. Both are sorted by key.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretBytes

Format = Literal["json", "env"]
_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = r"[A-Za-z0-9_./:@%+,=-]"
_WORD = re.compile(
    rf"{_PLAIN}|'[^']*'|\\'"
)  # one plain character each: no text is tried in two ways
_LINE = re.compile(rf"({_ENV_KEY.pattern})=((?:{_WORD.pattern})*)(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class KeyBundle:
    """The vault secret that holds all keys, and how."""

    name: str
    format: Format = "json"

    def part(self, key: str) -> str:
        """Return what one key of it is called in messages and memory. No vault name holds a slash."""
        return f"{self.name}/{key}"

    def refuse(self, key: str, value: str) -> str | None:
        """Say why the format cannot hold a key, None where it can."""
        if self.format == "json":
            is_text = key == key.encode(errors="replace").decode()
            return None if is_text else "its name is not valid Unicode text"
        if not _ENV_KEY.fullmatch(key):
            return (
                "the format env takes only letters, digits and _ in a key; rename it, or use json"
            )
        return "the format env takes no NUL character; use json" if "\0" in value else None

    def pack(self, values: Mapping[str, SecretBytes]) -> SecretBytes:
        """Return the content of the vault secret."""
        texts = {key: value.get_secret_value().decode() for key, value in sorted(values.items())}
        if self.format == "json":
            content = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
        else:
            content = "".join(f"{key}={_quoted(text)}\n" for key, text in texts.items())
        return SecretBytes(content.encode())


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """Which keys of a bundle a change is about, by name; never a value."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Those that have a value now and would have none: as a secret of its own each would be deleted."""
    held: frozenset[str] = frozenset()
    """Those that the vault holds a value of."""
    is_known: bool = True
    """Else what the vault holds was not read as a bundle: any key may be lost."""


def name_of(part: str) -> str:
    """Return the name of the vault secret that a part belongs to; a whole secret is its own only part."""
    return part.partition("/")[0]


def key_of(part: str) -> str:
    """Return the key of a part of a bundle."""
    return part.partition("/")[2]


def unpack(content: SecretBytes) -> dict[str, str] | None:
    """Return the texts by key, whatever the format; None where it is no bundle."""
    try:
        text = content.get_secret_value().decode()
    except UnicodeDecodeError:
        return None
    return _from_json(text) if text.startswith("{") else _from_env(text)


def compare(before: Mapping[str, str], parts: Mapping[str, SecretBytes]) -> KeyChanges:
    """Say which keys are others than those that the vault holds."""
    now = {key_of(part): value.get_secret_value().decode() for part, value in parts.items()}
    held = frozenset(key for key, value in before.items() if value)
    return KeyChanges(
        added=tuple(sorted(now.keys() - before)),
        changed=tuple(sorted(key for key in now.keys() & before if now[key] != before[key])),
        removed=tuple(sorted(before.keys() - now)),
        lost=tuple(sorted(key for key in held if not now.get(key))),
        held=held,
    )


def _quoted(text: str) -> str:
    if re.fullmatch(f"{_PLAIN}*", text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _from_json(text: str) -> dict[str, str] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_bundle = isinstance(found, dict) and all(isinstance(it, str) for it in found.values())
    return found if is_bundle else None


def _from_env(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None:
            return None
        found[line[1]] = "".join(_unquoted(word) for word in _WORD.findall(line[2]))
        at = line.end()
    return found


def _unquoted(word: str) -> str:
    if word == "\\'":
        return "'"
    return word[1:-1] if word.startswith("'") else word
