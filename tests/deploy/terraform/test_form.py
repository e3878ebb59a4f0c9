"""The text of the configuration: its form, the console's form for it, and no secrets in it."""

import re

import hcl2
import pytest
import yaml

from tests.deploy.terraform.engine import SOURCE, Terraform
from tests.deploy.terraform.terraform_text import blocks, named
from tests.docs.documents import DEPLOY, DOCUMENTS

FORM = yaml.safe_load((SOURCE / "schema.yaml").read_text())


def test_format_and_validation():
    """`terraform fmt` has nothing to change, `terraform validate` nothing to say."""
    with Terraform() as terraform:
        assert terraform.unformatted() == []
        assert terraform.validate() == []


def test_no_secret_is_given():
    """No variable takes a secret: they would be in the state. Secrets are named by their OCIDs."""
    words = r"secret|password|token|credential|private|api_?key|passphrase"
    names = {name for name in named("variable") if re.search(words, name)}
    assert {name for name in names if not name.endswith("_ocid")} == {"secret_tags"}  # of them
    assert not [name for name, body in named("variable").items() if body.get("sensitive")]


@pytest.mark.parametrize("part", ["variables", "outputs"])
def test_the_form_has_what_there_is(part):
    """The form of Resource Manager has every variable and output, each in one group, and no other."""
    there = set(named(part.removesuffix("s")))
    groups = FORM["variableGroups" if part == "variables" else "outputGroups"]
    grouped = [name for group in groups for name in group[part]]
    assert set(FORM[part]) == there
    assert sorted(grouped) == sorted(there)


def test_the_form_has_the_same_defaults():
    """The form offers Terraform's own defaults, and requires what has none."""
    for name, body in named("variable").items():
        row = FORM["variables"][name]
        if "default" not in body:
            assert row["required"] is True, name
        elif "default" in row:
            assert str(row["default"]) == str(body["default"]), name
        else:
            assert body["default"] in ("", [], {"freeformTags": {}, "definedTags": {}}), name


def test_the_form_has_the_same_types():
    """Each type of the form is one that Resource Manager takes for the variable's own."""
    types = {
        "string": r"string|enum|oci:(?!identity:tag).+",
        "number": "integer|enum",
        "bool": "boolean",
        "list": "array",
        "object": "oci:identity:tag:value",
    }
    for name, body in named("variable").items():
        kind = re.match(r"(?:\$\{)?(\w+)", body["type"])[1]
        assert re.fullmatch(types[kind], FORM["variables"][name]["type"]), name


def test_the_form_offers_what_is_accepted():
    """The form's choices are those that the validation names."""
    for name, row in FORM["variables"].items():
        if row["type"] == "enum":
            condition = named("variable")[name]["validation"][0]["condition"]
            accepted = re.search(r"contains\(\[(.*?)\]", condition)[1]
            assert [word.strip(' "') for word in accepted.split(",")] == row["enum"], name


def test_identity_is_written_in_the_home_region():
    """Dynamic group and policies go to the home region; nothing else does."""
    home = {
        name for name, body in named("resource").items() if "oci.home" in body.get("provider", "")
    }
    assert home == {name for name in named("resource") if name.startswith("oci_identity_")}


def test_each_statement_says_why():
    """Each policy statement has a reason, and a text in either form."""
    (locals_,) = [block for block in blocks("locals") if "function_statements" in block]
    statements = {**locals_["function_statements"], **locals_["platform_statements"]}
    for name, row in statements.items():
        assert set(row) == {"why", "narrow", "fallback"}, name
        assert row["why"].endswith("."), name


def test_the_example_says_what_to_say():
    """The example sets every variable that has no default, and the rest of it sets only what there is."""
    example = (SOURCE / "terraform.tfvars.example").read_text()
    said = set(hcl2.loads(example)) - {"__comments__"}
    assert {name for name, body in named("variable").items() if "default" not in body} <= said
    assert len(said) <= 10  # decisions before the first sync
    whole = hcl2.loads(re.sub(r"(?m)^# (?=\w+ *= )", "", example))
    del whole["__comments__"]
    assert said < set(whole) <= set(named("variable"))
    for name, value in whole.items():
        for kind in re.findall(r"ocid1\.(\w+)", str(value)):
            assert kind in name, name


def test_the_documents_say_what_to_say():
    """docs/deploy.md sets every variable that has no default, and names only what there is."""
    (example,) = re.findall(r"terraform.tfvars <<END\n(.*?)\nEND\n", DEPLOY, re.DOTALL)
    said = set(re.findall(r"^(\w+) += ", example, re.MULTILINE))
    assert said <= set(named("variable"))
    assert {name for name, body in named("variable").items() if "default" not in body} <= said
    assert set(re.findall(r"terraform output (?:-raw )?(\w+)", "".join(DOCUMENTS.values()))) <= set(
        named("output")
    )
