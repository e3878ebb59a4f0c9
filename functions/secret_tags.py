"""The tags that people want on their vault secrets, besides those of the sync itself."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from functions.errors import InvalidInput

MAX_FREEFORM_TAGS = 10
OWN_TAGS = 2
"""Of those, the ones that say which sync wrote a secret, and what."""
OWN_PREFIX = "oci-vault-sync"

_Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,100}$")]
_Part = Annotated[str, StringConstraints(pattern=r"^[!-\-/-~]{1,100}$")]  # no period
_Value = Annotated[str, StringConstraints(max_length=256)]


class SecretTags(BaseModel):
    """Free-form tags, and defined tags by namespace, as OCI's API writes them."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,
    )

    freeform_tags: dict[_Name, _Value] = {}
    defined_tags: dict[_Part, dict[_Part, _Value]] = {}

    @field_validator("freeform_tags")
    @classmethod
    def _leave_room(cls, tags: dict[str, str]) -> dict[str, str]:
        if any(name.startswith(OWN_PREFIX) for name in tags):
            raise ValueError(f"tags that begin with {OWN_PREFIX} are the syncs' own")
        if len(tags) > MAX_FREEFORM_TAGS - OWN_TAGS:
            raise ValueError(_TOO_MANY)
        return tags

    def merged(self, over: "SecretTags | None") -> "SecretTags":
        """Return these tags with others over them. Raises InvalidInput where those are too many."""
        if over is None:
            return self
        freeform = {**self.freeform_tags, **over.freeform_tags}
        if len(freeform) > MAX_FREEFORM_TAGS - OWN_TAGS:
            raise InvalidInput(f"SECRET_TAGS and syncOptions.tags together: {_TOO_MANY}.")
        defined = merge(self.defined_tags, over.defined_tags)
        return SecretTags(freeform_tags=freeform, defined_tags=defined)

    def are_on(self, freeform: Mapping[str, str], defined: Mapping[str, Mapping[str, str]]) -> bool:
        """Say whether a secret with those tags has all of these."""
        return self.freeform_tags.items() <= freeform.items() and merge(
            defined, self.defined_tags
        ) == merge(defined, {})


def merge(
    tags: Mapping[str, Mapping[str, str]], over: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Return defined tags with others over them."""
    namespaces = [*tags, *(name for name in over if name not in tags)]
    return {name: {**tags.get(name, {}), **over.get(name, {})} for name in namespaces}


_TOO_MANY = (
    f"OCI takes {MAX_FREEFORM_TAGS} free-form tags, and {OWN_TAGS} of them are the sync's own, so there "
    f"may be {MAX_FREEFORM_TAGS - OWN_TAGS}"
)
