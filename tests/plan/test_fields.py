import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from functions.plan import fields
from functions.plan.sync_config import SyncConfig

CHECKED = [
    "Slug",
    "EnvironmentSlug",
    "SecretPath",
    "Schema",
    "CompartmentOcid",
    "VaultOcid",
    "Region",
    "Fingerprint",
]


@pytest.mark.parametrize("kind", CHECKED)
@settings(max_examples=15)
@given(st.data())
def test_what_the_schema_shows_is_what_the_check_accepts(kind, data):
    """Text that matches the pattern of a field's JSON Schema is accepted as it is."""
    adapter = TypeAdapter(getattr(fields, kind))
    pattern = adapter.json_schema()["pattern"]
    text = data.draw(st.from_regex(pattern, fullmatch=True).filter(lambda t: len(t) < 60))
    accepted = adapter.validate_python(text)
    assert accepted in (text, text.removesuffix("/"), text.lower())


@pytest.mark.parametrize("kind", CHECKED)
@given(st.text("ocid1.vault\n/-_{}A é", max_size=12))
def test_what_the_check_accepts_is_what_the_schema_shows(kind, text):
    """Text that is accepted matches the pattern of the field's JSON Schema."""
    adapter = TypeAdapter(getattr(fields, kind))
    try:
        accepted = adapter.validate_python(text)
    except ValidationError:
        return
    assert re.fullmatch(adapter.json_schema()["pattern"], accepted)


@pytest.mark.parametrize(
    ("kind", "text", "accepted"),
    [
        ("Slug", " api\n", "api"),
        ("TagSlug", " A ", "A"),
        ("SecretPath", " /api/ ", "/api"),
        ("ProjectId", " p ", "p"),
        ("Schema", " {{secretKey}} ", "{{secretKey}}"),
        ("Region", " eu-frankfurt-1 ", "eu-frankfurt-1"),
        ("Fingerprint", f" {':'.join(['AB'] * 16)} ", ":".join(["ab"] * 16)),
    ],
)
def test_blanks_around_a_text_are_no_part_of_it(kind, text, accepted):
    """Blanks around a text, which come with copying, are dropped; a fingerprint is in lower case."""
    assert TypeAdapter(getattr(fields, kind)).validate_python(text) == accepted


def test_every_text_of_a_config_is_limited():
    """Every text field of a sync config has a pattern, a length, a format or a list of words in its JSON Schema."""

    def texts(model: type[BaseModel]):
        schema = model.model_json_schema(by_alias=True)
        for part in (schema, *schema["$defs"].values()):
            for name, field in part.get("properties", {}).items():
                for choice in field.get("anyOf", [field]):
                    if choice.get("type") == "string":
                        yield name, choice.keys() & {"pattern", "maxLength", "format", "enum"}

    assert [name for name, limits in texts(SyncConfig) if not limits] == []
