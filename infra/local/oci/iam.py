"""OCI policies: statements as people write them, read and applied as the services apply them.

`Allow <whom> to <verb> <resource type> | {PERMISSION, …} in tenancy | compartment id <ocid> [where …]`.
Whatever is not known here (a verb, type, permission, variable) is an error, so that a slip is found.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

from infra.local.oci.permissions import PERMISSIONS, VARIABLES, permissions

_STATEMENT = re.compile(
    r"allow\s+(?P<subject>any-user|(?:service|dynamic-group\s+id|group\s+id)\s+[^\s{}]+)\s+"
    r"to\s+(?:{(?P<listed>[^}]*)}|(?P<verb>[a-z]+)\s+(?P<type>[a-z-]+))\s+"
    r"in\s+(?:tenancy|compartment\s+id\s+(?P<compartment>[^\s{}]+))"
    r"(?:\s+where\s+(?P<condition>.+))?",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN = re.compile(r"\s*('[^']*'|!=|[={},]|[a-z][a-z.-]*)\s*", re.IGNORECASE)

Variables = Mapping[str, str | None]
"""What a request says of itself; None stands for whatever makes a condition hold."""


class BadStatement(ValueError):
    """A policy statement that OCI would refuse, or that means nothing here."""


class Condition(Protocol):
    """What follows `where`."""

    def holds(self, variables: Variables) -> bool:
        """Say whether a request with these variables is meant."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`variable = 'value'` or `!=`, whatever the case; false where the request has no such variable."""

    variable: str
    value: str
    is_equal: bool

    def holds(self, variables: Variables) -> bool:
        """Say whether a request with these variables is meant."""
        if self.variable not in variables:
            return False
        actual = variables[self.variable]
        return actual is None or (actual.lower() == self.value.lower()) == self.is_equal


@dataclass(frozen=True, slots=True)
class Combination:
    """`all {…}` or `any {…}`."""

    combine: Callable[[Iterable[object]], bool]
    conditions: tuple[Condition, ...]

    def holds(self, variables: Variables) -> bool:
        """Say whether a request with these variables is meant."""
        return self.combine(condition.holds(variables) for condition in self.conditions)


class Need(NamedTuple):
    """A permission that a request needs: where, and what the request says of its target."""

    permission: str
    compartment_id: str
    targets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one statement grants. `compartment_id` None is the tenancy."""

    subject: str
    permissions: frozenset[str]
    compartment_id: str | None
    condition: Condition

    def allows(self, need: Need, request: Variables) -> bool:
        """Say whether this gives what is needed to a request that says this of itself."""
        variables = {**request, **need.targets, "request.permission": need.permission}
        return (
            need.permission in self.permissions
            and self.compartment_id in (None, need.compartment_id)
            and self.condition.holds(variables)
        )


def parse(statement: str) -> Grant:
    """Return what a statement grants. Raises BadStatement."""
    match = _STATEMENT.fullmatch(statement.strip())
    if match is None:
        raise BadStatement(f"not a policy statement that is known here: {statement}")
    subject = " ".join(match["subject"].split())
    granted = _permissions(match, statement)
    condition = _condition(match["condition"], statement)
    return Grant(subject, granted, match["compartment"], condition)


def _permissions(match: re.Match[str], statement: str) -> frozenset[str]:
    if match["listed"] is None:
        try:
            return permissions(match["verb"].lower(), match["type"].lower())
        except (KeyError, ValueError):
            raise BadStatement(f"there is no such verb or resource type: {statement}") from None
    listed = frozenset(name.strip() for name in match["listed"].split(","))
    if unknown := listed - PERMISSIONS:
        raise BadStatement(f"there is no permission {', '.join(sorted(unknown))}: {statement}")
    return listed


def _condition(text: str | None, statement: str) -> Condition:
    if text is None:
        return Combination(all, ())
    try:
        tokens = _tokens(text)
        condition = _next_condition(tokens)
        _expect(next(tokens), "")
    except (BadStatement, StopIteration) as error:
        raise BadStatement(f"the condition is wrong ({error}): {statement}") from None
    return condition


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadStatement(f"at {text[at:]}")
        yield match[1]
        at = match.end()
    yield ""


def _next_condition(tokens: Iterator[str]) -> Condition:
    word = next(tokens).lower()
    if word in ("all", "any"):
        _expect(next(tokens), "{")
        parts = [_next_condition(tokens)]
        while (token := next(tokens)) == ",":
            parts.append(_next_condition(tokens))
        _expect(token, "}")
        return Combination(all if word == "all" else any, tuple(parts))
    if word not in VARIABLES:
        raise BadStatement(f"there is no variable {word}")
    operator = next(tokens)
    _expect(operator, "=", "!=")
    value = next(tokens)
    if not value.startswith("'"):
        raise BadStatement(f"{value} is not in single quotes")
    return Comparison(word, value.strip("'"), is_equal=operator == "=")


def _expect(token: str, *wanted: str) -> None:
    if token not in wanted:
        raise BadStatement(f"{token or 'the end'} where {' or '.join(wanted) or 'the end'} belongs")


@dataclass(frozen=True, slots=True)
class Iam:
    """What one principal may do: grants by the name of their statement, and the principal's variables."""

    grants: tuple[tuple[str, Grant], ...]
    principal: Mapping[str, str]

    @classmethod
    def of(
        cls,
        statements: Mapping[str, Iterable[str]],
        *,
        subjects: Collection[str],
        principal: Mapping[str, str],
    ) -> Self:
        """Return what `statements` (by name, several texts each) give to one who is each of `subjects`.

        `subjects` look like `any-user`, `dynamic-group id …` and `service …`; `principal` holds variables:
        `request.principal.type`, ….
        """
        named = [(name, parse(text)) for name, texts in statements.items() for text in texts]
        return cls(tuple(row for row in named if row[1].subject in subjects), principal)

    @property
    def granted(self) -> frozenset[tuple[str, str]]:
        """Return each name of a statement with each permission that it gives to such a principal."""
        mine = {**dict.fromkeys(VARIABLES), **self.principal}
        return frozenset(
            (name, permission)
            for name, grant in self.grants
            for permission in grant.permissions
            if grant.condition.holds({**mine, "request.permission": permission})
        )

    def without(self, name: str, permission: str) -> Self:
        """Return the same but for one permission of one statement."""
        fewer = tuple(
            (other, replace(grant, permissions=grant.permissions - {permission}))
            if other == name
            else (other, grant)
            for other, grant in self.grants
        )
        return replace(self, grants=fewer)

    def allows(self, operation: str, needs: Iterable[Need]) -> bool:
        """Say whether an operation with these needs is permitted."""
        request = {**self.principal, "request.operation": operation}
        return all(any(grant.allows(need, request) for _, grant in self.grants) for need in needs)
