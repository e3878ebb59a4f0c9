import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.plan.bundle import KeyBundle
from functions.plan.naming import KeySchema, check_schema, refuse_name, refuse_value

BY_FOLDER = "{{environment}}_{{folderPath}}_{{secretKey}}"

RENDERED = [
    (None, "DB_URL", "dev", "DB_URL"),
    ("", "DB_URL", "dev", "DB_URL"),
    ("INFISICAL_{{secretKey}}", "DB_URL", "dev", "INFISICAL_DB_URL"),
    ("{{environment}}_{{secretKey}}", "DB_URL", "prod", "prod_DB_URL"),
    ("{{environment}}/{{secretKey}}_v1", "DB_URL", "prod", "prod/DB_URL_v1"),
    ("{{environment}}-{{secretKey}}", "K", "us-east-1", "us-east-1-K"),
    ("{{secretKey}}-{{secretKey}}", "A", "dev", "A-A"),
    ("P_{{secretKey}}", "A&B", "dev", "P_A&B"),
    ("P_{{secretKey}}", "O'R=1", "dev", "P_O'R=1"),
    ("P_{{secretKey}}", 'a<b>"c`', "dev", 'P_a<b>"c`'),
    ("P_{{secretKey}}", "{{environment}}{{secretKey}}", "dev", "P_{{environment}}{{secretKey}}"),
    ("P_{{secretKey}}", "Größe", "dev", "P_Größe"),
    ("P_{{secretKey}}", "a/b", "dev", "P_a/b"),
    (BY_FOLDER, "KEY", "prod", "prod_KEY"),
    (BY_FOLDER, "db/KEY", "prod", "prod_db_KEY"),
    (BY_FOLDER, "db/users-1/KEY", "prod", "prod_db_users-1_KEY"),
    (
        BY_FOLDER,
        "db/{{folderPath}}_{{environment}}",
        "prod",
        "prod_db_{{folderPath}}_{{environment}}",
    ),
    ("{{folderPath}}-{{secretKey}}", "KEY", "prod", "KEY"),
    ("{{folderPath}}-X_{{secretKey}}_v1", "db/KEY", "prod", "db-X_KEY_v1"),
    ("{{folderPath}}-X_{{secretKey}}_v1", "KEY", "prod", "X_KEY_v1"),
]

STRIPPED = [
    ("ANY", "dev", None, "ANY"),
    ("ANY", "dev", "{{secretKey}}", "ANY"),
    ("INFISICAL_A", "dev", "INFISICAL_{{secretKey}}", "A"),
    ("infisical_A", "dev", "INFISICAL_{{secretKey}}", None),
    ("INFISICAL_", "dev", "INFISICAL_{{secretKey}}", ""),
    ("INFISICAL", "dev", "INFISICAL_{{secretKey}}", None),
    ("A_prod", "prod", "{{secretKey}}_{{environment}}", "A"),
    ("A_prod", "dev", "{{secretKey}}_{{environment}}", None),
    ("dev_A_x", "dev", "{{environment}}_{{secretKey}}_x", "A"),
    ("dev_x", "dev", "{{environment}}_{{secretKey}}_x", None),
    ("dev__x", "dev", "{{environment}}_{{secretKey}}_x", ""),
    ("ABA", "dev", "AB{{secretKey}}BA", None),
    ("ABBA", "dev", "AB{{secretKey}}BA", ""),
    ("a/KEY", "dev", "a/{{secretKey}}", "KEY"),
    ("a/b/KEY", "dev", "a/{{secretKey}}", None),
    ("a/b", "dev", "{{secretKey}}", "a/b"),
    ("dev_extra_A", "dev", "{{environment}}_{{secretKey}}", "extra_A"),
    ("WHATEVER", "dev", "{{secretKey}}-{{secretKey}}", "WHATEVER"),
    ("P_A&amp;B", "dev", "P_{{secretKey}}", "A&amp;B"),
]

STRIPPED_BY_FOLDER = [
    ("prod_KEY", ["db"], "KEY"),
    ("prod_db_KEY", ["db"], "db/KEY"),
    ("prod_db_KEY", [], "db_KEY"),
    ("prod_db_users_KEY", ["db"], "db/users_KEY"),
    ("prod_db_users_KEY", ["db", "db/users"], "db/users/KEY"),
    ("prod_a_b_c_KEY", ["a_b", "a/b/c"], "a/b/c/KEY"),
    ("prod_db_", ["db"], "db_"),
    ("prod_dbx_KEY", ["db"], "dbx_KEY"),
    ("dev_db_KEY", ["db"], None),
]

VALID = [
    "",
    "{{secretKey}}",
    "A_{{secretKey}}",
    "{{secretKey}}{{secretKey}}",
    "a_b_{{environment}}-{{secretKey}}",
    "a" * 242 + "{{secretKey}}",
    "{{folderPath}}_{{secretKey}}",
    BY_FOLDER,
    "{{folderPath}}-x_{{secretKey}}{{secretKey}}_y",
]

INVALID = [
    "{{environment}}",
    "{{ secretKey }}",
    "A.{{secretKey}}",
    "A {{secretKey}}",
    "{{{secretKey}}}",
    "{{secretkey}}",
    "{{#if environment}}{{secretKey}}{{/if}}",
    "{{",
    "{{secretKey}}!",
    "a/{{secretKey}}",
    "A_{{secretKey}}\nB",
    "ä{{secretKey}}",
    "a" * 243 + "{{secretKey}}",
    "{{folderPath}}_",
    "{{folderPath}}{{secretKey}}",
    "{{folderPath}}x{{secretKey}}",
    "{{secretKey}}_{{folderPath}}_",
    "{{secretKey}}_{{folderPath}}_{{secretKey}}",
    "{{folderPath}}_{{folderPath}}_{{secretKey}}",
]

PART = st.from_regex(r"([A-Za-z0-9_/-]|\{\{environment\}\}){0,4}", fullmatch=True)
ENVIRONMENT = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True)


@pytest.mark.parametrize(("schema", "key", "environment", "name"), RENDERED)
def test_a_key_is_rendered_literally(schema, key, environment, name):
    """A vault name is the schema with key and environment put in, nothing escaped."""
    assert KeySchema(schema, environment).render(key) == name


@pytest.mark.parametrize(("name", "environment", "schema", "key"), STRIPPED)
def test_a_name_is_in_scope_if_it_has_the_prefix_and_suffix_of_the_schema(
    name, environment, schema, key
):
    """A name with the schema's prefix and suffix is in scope, and what is between is the key."""
    found = KeySchema(schema, environment)
    assert found.matches(name) == (key is not None)
    assert found.strip(name) == key


@pytest.mark.parametrize(("name", "folders", "address"), STRIPPED_BY_FOLDER)
def test_a_name_belongs_to_the_deepest_folder_that_it_begins_with(name, folders, address):
    """Of the sub-folders that a name may be in that with the longest path counts, else the folder itself."""
    assert KeySchema(BY_FOLDER, "prod").strip(name, folders) == address


def test_the_scope_of_a_schema_with_a_folder_is_all_that_it_may_render():
    """Whatever the sub-folder, a name that the schema renders is in scope."""
    schema = KeySchema("A_{{folderPath}}-B_{{secretKey}}_C", "prod")
    for address in ("KEY", "x/KEY", "x/y_z/KEY"):
        assert schema.matches(schema.render(address))
    assert not schema.matches("B_KEY_C")


@pytest.mark.parametrize("schema", VALID)
def test_a_valid_schema_is_kept_trimmed(schema):
    """A schema of letters, digits, - _ / and the two placeholders is accepted, spaces around cut."""
    assert check_schema(f" {schema}\n") == schema


@pytest.mark.parametrize("schema", INVALID)
def test_an_invalid_schema_is_refused(schema):
    """A schema without {{secretKey}}, with other characters, or too long is refused with the rule."""
    with pytest.raises(ValueError, match="Key schema must"):
        check_schema(schema)


@given(PART, PART, ENVIRONMENT, st.text(max_size=8))
def test_what_is_rendered_is_stripped_again(prefix, suffix, environment, key):
    """Stripping a rendered name gives the key back, unless a / in the key would leave the folder."""
    schema = KeySchema(check_schema(f"{prefix}{{{{secretKey}}}}{suffix}"), environment)
    assume("/" not in key or "/" not in prefix + suffix)
    assert schema.strip(schema.render(key)) == key


@given(PART, PART, ENVIRONMENT, st.text("AB_-/", max_size=8))
def test_what_is_stripped_is_rendered_again(prefix, suffix, environment, name):
    """Rendering the key of a name in scope gives the name back: no other name is ever in scope."""
    schema = KeySchema(f"{prefix}{{{{secretKey}}}}{suffix}", environment)
    key = schema.strip(name)
    assert key is None or schema.render(key) == name


@given(PART, PART, PART, PART, st.text("AB_-/", max_size=6))
def test_schemas_with_a_name_in_common_overlap(head, tail, other_head, other_tail, name):
    """Two schemas that have any name in scope of both are known to overlap."""
    one = KeySchema(f"{head}{{{{secretKey}}}}{tail}", "prod")
    two = KeySchema(f"{other_head}{{{{secretKey}}}}{other_tail}", "prod")
    assert one.overlaps(two) == two.overlaps(one)
    for shared in (name, one.render(name), two.render(name)):
        assert one.overlaps(two) or not (one.matches(shared) and two.matches(shared))


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        (None, "X_{{secretKey}}", True),
        ("X_{{secretKey}}", "X_Y_{{secretKey}}", True),
        ("X_{{secretKey}}", "{{secretKey}}_Y", True),
        ("X_{{secretKey}}", "Y_{{secretKey}}", False),
        ("{{secretKey}}_X", "{{secretKey}}_Y", False),
        ("{{secretKey}}_Y", "{{secretKey}}_X_Y", True),
        ("{{secretKey}}_Y", "{{secretKey}}_Y_X", False),
        ("{{environment}}_{{secretKey}}", "prod_{{secretKey}}", True),
        ("X_{{folderPath}}_{{secretKey}}", "X_db_{{secretKey}}", True),
        ("{{folderPath}}_{{secretKey}}", "X_{{secretKey}}", True),
        ("X_{{folderPath}}_{{secretKey}}", "Y_{{folderPath}}_{{secretKey}}", False),
    ],
)
def test_schemas_overlap_unless_prefix_or_suffix_tells_them_apart(one, two, overlap):
    """Two schemas overlap unless their prefixes, or their suffixes, contradict each other."""
    assert KeySchema(one, "prod").overlaps(KeySchema(two, "prod")) == overlap


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("a b", "letters, digits"),
        ("a/b", "letters, digits"),
        ("a\n", "letters, digits"),
        ("Größe", "letters, digits"),
        ("\ud800", "letters, digits"),
        ("a" * 256, "longer than 255"),
    ],
)
def test_a_name_that_oci_refuses_is_explained(name, why):
    """A name that OCI Vault would refuse is refused first, with the reason."""
    assert why in (refuse_name(name) or "")


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "a" * 255])
def test_a_name_that_oci_takes_is_accepted(name):
    """Names of letters, digits, - _ . up to 255 characters are accepted."""
    assert refuse_name(name) is None


def test_content_is_limited():
    """Content up to 25 000 bytes is accepted; a larger one is refused by its size alone."""
    assert refuse_value(b"x" * 25_000) is None
    assert refuse_value(b"x" * 25_001) == "the value has 25001 bytes; OCI Vault takes at most 25000"


def test_a_slash_after_the_folder_was_never_allowed():
    """A stored schema may hold slashes as it always could, but not in place of what follows the folder."""
    assert check_schema("a/{{secretKey}}", is_stored=True)
    with pytest.raises(ValueError, match="Key schema must"):
        check_schema("{{folderPath}}/{{secretKey}}", is_stored=True)


def test_without_the_folder_in_its_names_a_schema_knows_no_folders():
    """Where the key schema does not name the folder, a name is that of a key of the synced folder."""
    assert KeySchema("P_{{secretKey}}", "prod").strip("P_sub_A", ["sub"]) == "sub_A"


def test_a_bundle_has_one_name():
    """All keys of a bundle have its name, whatever the schema, and no other name is in scope."""
    app = KeySchema("X_{{folderPath}}_{{secretKey}}", "prod", KeyBundle("app"))
    assert app.render("KEY") == app.render("a/KEY") == "app"
    assert (app.part("KEY"), app.split("a/KEY")) == ("app/KEY", ("", "a/KEY"))
    assert [name for name in ("app", "app2", "X_KEY") if app.matches(name)] == ["app"]
    assert [app.strip(name) for name in ("app", "X_KEY")] == [None, None]
    without_schema = KeySchema(None, "prod", KeyBundle("app"))
    assert [without_schema.strip(name) for name in ("app",)] == [None]


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (KeySchema(None, "prod"), True),
        (KeySchema("a{{secretKey}}", "prod"), True),
        (KeySchema("b{{secretKey}}", "prod"), False),
        (KeySchema(None, "prod", KeyBundle("app")), True),
        (KeySchema(None, "prod", KeyBundle("other")), False),
    ],
)
def test_a_bundle_overlaps_where_its_name_is_in_scope(other, overlap):
    """A bundle overlaps with what has its name in scope, and says so from either side."""
    app = KeySchema("b{{secretKey}}", "prod", KeyBundle("app"))
    assert app.overlaps(other) == other.overlaps(app) == overlap
