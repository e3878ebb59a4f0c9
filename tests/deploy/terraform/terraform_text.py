"""The text of infra/terraform, parsed: for what the engine does not tell."""

from functools import cache
from typing import Any

import hcl2

from tests.deploy.terraform.engine import SOURCE


@cache
def blocks(kind: str) -> list[dict[str, Any]]:
    """Return the blocks of a kind (variable, output, resource, locals) of all files."""
    parsed = (hcl2.loads(path.read_text()) for path in sorted(SOURCE.glob("*.tf")))
    return [_unquoted(block) for file in parsed for block in file.get(kind, [])]


def named(kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a kind by name; those with two labels by both, with a dot between."""
    if kind in ("resource", "data"):
        rows = [
            (a, b, body)
            for one in blocks(kind)
            for a, two in one.items()
            for b, body in two.items()
        ]
        return {f"{first}.{second}": body for first, second, body in rows}
    return {name: body for block in blocks(kind) for name, body in block.items()}


def _unquoted(value: Any) -> Any:
    match value:
        case dict():
            return {_unquoted(name): _unquoted(one) for name, one in value.items()}
        case list():
            return [_unquoted(one) for one in value]
        case str() if value[:1] == value[-1:] == '"':
            return value[1:-1]
    return value
