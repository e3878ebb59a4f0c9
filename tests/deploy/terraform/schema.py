"""What OCI's Terraform provider takes and gives, read from the Pulumi package generated from it.

The wheel is read as text and never imported. It cannot tell which lists are sets or became one value, which
names were made plural and whether `name` is required: the tables do. Nobody tells enumerations or conflicts.
"""

import ast
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

WHEELS = "pulumi_oci-*.whl"
MODULES = {
    "oci_objectstorage_object": "objectstorage/storage_object",
    "oci_sch_service_connector": "sch/connector",
}
"""Types whose file is not `<service>/<the rest of the name>`."""
REQUIRED = {
    ("oci_core_subnet", "cidr_block"),
    ("oci_events_rule", "condition"),
    ("oci_identity_dynamic_group", "name"),
    ("oci_identity_policy", "name"),
    ("oci_objectstorage_bucket", "name"),
    ("oci_ons_notification_topic", "name"),
}
"""What the package lets out, and the provider or a release of it that we take does not."""
SETS = {
    "actions",
    "egress_security_rules",
    "filter",
    "ingress_security_rules",
    "network_security_group_ids",
    "retention_rules",
    "route_rules",
    "rules",
    "security_list_ids",
    "services",
}
"""What is a set, if there may be more than one: its elements have no index."""
LISTS = {("ScheduleResourceParameterArgs", "value")}
"""Lists of at most one that the package flattened; of blocks it is known, of plain values it is not."""
SINGULAR = {
    "allowed_scopes": "allowed_scope",
    "cache_keys": "cache_key",
    "contents": "content",
    "filters": "filter",
}
SCALARS = {"str": "string", "int": "number", "float": "number", "bool": "bool", "Any": "string"}

Type = str | list
"""A type as the engine's protocol writes it: "string", ["list", "string"], ["object", {…}]."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: `given` if it may be an argument, `computed` if it may come from OCI."""

    type: Type
    given: bool
    required: bool
    computed: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Attributes and nested blocks by name."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: dict[str, "Nested"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nested:
    """A block in a block: `single` if there may be one only."""

    block: Block
    mode: str
    required: bool
    single: bool


@cache
def _wheel() -> zipfile.ZipFile:
    found = sorted((Path(sys.prefix) / "provider").glob(WHEELS))
    if not found:
        raise FileNotFoundError(f"There is no {WHEELS} in {sys.prefix}/provider: run `make test`.")
    # From memory: an open file would outlive the tests.
    return zipfile.ZipFile(io.BytesIO(found[-1].read_bytes()))


@cache
def _text(path: str) -> str:
    return _wheel().read(f"pulumi_oci/{path}.py").decode()


def _file(type_name: str, prefix: str = "") -> str:
    """Return the file of a type: its service is as many first words as make a folder."""
    if type_name in MODULES:
        return MODULES[type_name]
    words = type_name.removeprefix("oci_").split("_")
    names = set(_wheel().namelist())
    for count in range(len(words) - 1, 0, -1):
        path = f"{''.join(words[:count])}/{prefix}{'_'.join(words[count:])}"
        if f"pulumi_oci/{path}.py" in names:
            return path
    raise LookupError(f"The provider has no type {type_name}.")


def _signature(text: str, start: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield name and type of each parameter of the first function from `start` on."""
    at = text.find(start)
    if at < 0:
        raise ValueError(f"The provider's package has no {start!r}: it is written anew.")
    found = re.compile(r"def (?:__init__|get_\w+)(\(.*?\))(?: -> [^\n]*)?:\n", re.DOTALL).search(
        text, at
    )
    assert found
    function = ast.parse(f"def f{found[1]}: pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    for argument in (*function.args.args, *function.args.kwonlyargs):
        if argument.annotation and argument.arg != "opts":
            yield argument.arg.rstrip("_"), argument.annotation


def _given(text: str, start: str, inputs: str, optional: str = "pulumi.Input[Optional[") -> Block:
    """Return the arguments as a block; `inputs` is the file with the nested ones.

    `optional` is how the type of an argument that may be left out begins.
    """
    block = Block()
    for name, annotation in _signature(text, start):
        words = ast.unparse(annotation)
        required = not words.startswith(optional)
        nested = re.search(r"'(\w+Args)'", words)
        own = SINGULAR.get(name, name)
        if nested:
            inner = _given(inputs, f"\nclass {nested[1]}:", inputs)
            single = "Sequence[" not in words
            mode = "set" if own in SETS and not single else "list"
            block.blocks[own] = Nested(inner, mode, required, single)
        else:
            kind = _type(annotation, "")
            if own in SETS:
                kind = ["set", kind[1]]
            if (start.strip("\n :").removeprefix("class "), name) in LISTS:
                kind = ["list", kind]
            block.attributes[own] = Attribute(kind, True, required, not required)
    return block


def _type(node: ast.expr, outputs: str) -> Type:
    """Return the protocol's type of a Python annotation; objects are looked up in `outputs`."""
    match node:
        case ast.Subscript(slice=ast.Tuple(elts=[_, value])) if "Mapping" in ast.unparse(
            node.value
        ):
            return ["map", _type(value, outputs)]
        case ast.Subscript(slice=ast.Tuple(elts=[first, *_])):
            return _type(first, outputs)
        case ast.Subscript():
            inner = _type(node.slice, outputs)
            return ["list", inner] if "Sequence" in ast.unparse(node.value) else inner
        case ast.Constant(value=str(name)):
            return _object(name.removeprefix("outputs."), outputs)
    return SCALARS[ast.unparse(node).rpartition(".")[2]]


def _object(name: str, outputs: str) -> Type:
    fields = _signature(outputs, f"\nclass {name}(dict):")
    return ["object", {name: _type(kind, outputs) for name, kind in fields}]


def _properties(text: str, pattern: str) -> dict[str, ast.expr]:
    return {
        name.rstrip("_"): ast.parse(kind, mode="eval").body
        for name, kind in re.findall(rf"def (\w+)\(self\) -> {pattern}:\n", text)
    }


def _completed(block: Block, outputs: dict[str, ast.expr], folder: str) -> Block:
    """Add what only OCI gives."""
    for name, annotation in {"id": ast.Name("str"), **outputs}.items():
        if name not in block.attributes and name not in block.blocks:
            known = _type(annotation, _text(f"{folder}/outputs"))
            if known[0] == "object":  # a list of one, flattened
                known = ["list", known]
            block.attributes[name] = Attribute(known, given=False, required=False, computed=True)
    return block


@cache
def resource(type_name: str) -> Block:
    """Return the schema of a resource type. Raises LookupError if there is none."""
    file = _file(type_name)
    folder, _, module = file.partition("/")
    class_name = module.title().replace("_", "")
    text = _text(file)
    block = _given(text, f"\nclass {class_name}Args:", _text(f"{folder}/_inputs"))
    times = {
        name: Attribute("string", True, False, False) for name in ("create", "update", "delete")
    }
    block.blocks["timeouts"] = Nested(Block(times), "single", required=False, single=True)
    outputs = _properties(text[text.index(f"class {class_name}(") :], r"pulumi\.Output\[(.*)\]")
    block = _completed(block, outputs, folder)
    for name in (name for kind, name in REQUIRED if kind == type_name):
        block.attributes[name] = Attribute("string", given=True, required=True, computed=False)
    return block


@cache
def data_source(type_name: str) -> Block:
    """Return the schema of a data source type. Raises LookupError if there is none."""
    file = _file(type_name, "get_")
    folder, _, module = file.partition("/")
    text = _text(file)
    optional = "pulumi.Input[Optional[Optional["
    block = _given(text, f"\ndef {module}_output(", _text(f"{folder}/_inputs"), optional)
    outputs = _properties(text, r"(?!.*AwaitableGet)(.*)")
    outputs.pop("filters", None)
    return _completed(block, outputs, folder)


@cache
def provider() -> Block:
    """Return what the provider itself takes."""
    return _given(_text("provider"), "\nclass ProviderArgs:", "")
