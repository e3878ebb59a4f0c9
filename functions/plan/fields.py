"""Text of requests and configs: what it must look like, said in words and as a JSON Schema."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from functions.plan.naming import MAX_SCHEMA_CHARACTERS, SCHEMA, SCHEMA_WORDS, check_schema


def _shown(pattern: str, words: str, most: int | None = None) -> object:
    """Describe what a validator checks in the JSON Schema, with its words for who cannot read a pattern."""
    return Field(
        json_schema_extra={
            "pattern": rf"^{pattern}$",
            "minLength": 1,
            "description": words,
            **({"maxLength": most} if most else {}),
        }
    )


def _slug(field: str, most: int) -> tuple[object, object]:
    rule = re.compile(_SLUG)
    words = f"{field} field can only contain lowercase letters, numbers, and hyphens"

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"{field} field must be at least 1 lowercase character")
        if len(text) > most:
            raise ValueError(f"{field} field must be at most {most} lowercase characters")
        if not rule.fullmatch(text):
            raise ValueError(words)
        return text

    return AfterValidator(check), _shown(_SLUG, words, most)


def _ocid(label: str, kinds: str, region: str) -> tuple[object, object]:
    pattern = rf"ocid1\.({kinds})\.oc[0-9]+\.{region}\.[A-Za-z0-9._-]+"
    rule = re.compile(pattern)
    starts = " or ".join(f"ocid1.{kind}.<realm>." for kind in kinds.split("|"))
    words = f"Invalid {label} OCID format. Must start with {starts}"

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"{label} OCID required")
        if not rule.fullmatch(text):
            raise ValueError(words)
        return text

    return AfterValidator(check), _shown(pattern, words)


def _path(text: str) -> str:
    if not text:
        raise ValueError("Secret path required")
    if not re.fullmatch(_PATH, text):
        raise ValueError(_PATH_WORDS)
    return text if text == "/" else text.removesuffix("/")


def _schema(text: str, info: ValidationInfo) -> str:
    return check_schema(text, is_stored=info.context == STORED)


def _matching(pattern: str, message: str) -> tuple[object, object]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(message)
        return text

    return AfterValidator(check), _shown(pattern, message)


STORED = "stored"
"""As the context of a validation: what was accepted once is still read."""
PROJECT_ID = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.-]{1,255}"
"""It becomes a part of URLs and object names, where `..` would lead elsewhere."""
_SLUG = "[a-z0-9]+(-[a-z0-9]+)*"
_PATH = "(/[A-Za-z0-9_-]+)+/?|/"
_PATH_WORDS = "Secret path must begin with a slash; folder names hold letters, digits, - and _"
_REGIONAL = "[a-z0-9-]+"
_ANYWHERE = "[a-z0-9-]*"
_Trimmed = Annotated[str, StringConstraints(strip_whitespace=True)]

Slug = Annotated[_Trimmed, *_slug("name", 256)]
TagSlug = Annotated[
    _Trimmed, *_matching("[A-Za-z0-9_.-]{1,64}", "A tag is named by its slug, as in the source")
]
VaultName = Annotated[
    _Trimmed,
    *_matching(
        "[A-Za-z0-9_.-]{1,255}",
        "OCI Vault takes 1 to 255 letters, digits, hyphens, underscores and periods in a name",
    ),
]
ShortSlug = Annotated[_Trimmed, *_slug("name", 64)]
EnvironmentSlug = Annotated[_Trimmed, *_slug("environment", 64)]
SecretPath = Annotated[_Trimmed, AfterValidator(_path), _shown(f"({_PATH})", _PATH_WORDS)]
Description = Annotated[_Trimmed, StringConstraints(max_length=256)]
ProjectId = Annotated[
    _Trimmed,
    *_matching(
        PROJECT_ID, "Project id should match pattern [A-Za-z0-9_.-]{1,255}, and be neither . nor .."
    ),
]
Schema = Annotated[
    str,
    AfterValidator(_schema),
    Field(
        json_schema_extra={
            "pattern": f"^{SCHEMA}$",
            "maxLength": MAX_SCHEMA_CHARACTERS,
            "description": SCHEMA_WORDS,
        }
    ),
]
CompartmentOcid = Annotated[_Trimmed, *_ocid("Compartment", "tenancy|compartment", _ANYWHERE)]
TenancyOcid = Annotated[_Trimmed, *_ocid("Tenancy", "tenancy", _ANYWHERE)]
UserOcid = Annotated[_Trimmed, *_ocid("User", "user", _ANYWHERE)]
VaultOcid = Annotated[_Trimmed, *_ocid("Vault", "vault", _REGIONAL)]
KeyOcid = Annotated[_Trimmed, *_ocid("Key", "key", _REGIONAL)]
SecretOcid = Annotated[_Trimmed, *_ocid("Secret", "vaultsecret", _REGIONAL)]
Region = Annotated[
    _Trimmed, *_matching("[a-z]+(-[a-z0-9]+)+", "Region must look like eu-frankfurt-1")
]
Fingerprint = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True),
    *_matching(
        "[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){15}", "Fingerprint must be 16 hex pairs with colons"
    ),
]
PlanFingerprint = Annotated[
    str,
    *_matching("[0-9a-f]{16}", "must be a plan's fingerprint: 16 hex digits, as a plan shows it"),
]
