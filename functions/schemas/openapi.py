"""The API's OpenAPI 3.1 document, made from the routes and the models."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from functions.plan.fields import PROJECT_ID
from functions.plan.requested import SECTIONS
from functions.plan.sync_config import SyncOptions
from functions.schemas.answers import Problem
from functions.schemas.descriptions import ABOUT, EXAMPLES, FIELDS, TAGS, tag_of
from functions.schemas.route import Route
from functions.version import VERSION

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_HIDDEN = ("isBeingRemoved",)
_CLOSED = {
    part.__name__
    for field in SyncOptions.model_fields.values()
    for part in get_args(field.annotation)
    if isinstance(part, type) and issubclass(part, BaseModel)
}
"""Options of options: an unknown one is refused."""
_PATH_RULES: Mapping[str, Json] = {
    "syncId": {"format": "uuid"},
    "connectionId": {"format": "uuid"},
    "projectId": {"pattern": f"^{PROJECT_ID}$"},
}
_FIXED = ("projectId", "method")


def document(table: Mapping[str, Mapping[str, Route]]) -> Json:
    """Return the document of a table of routes, by path and method."""
    routes = [route for methods in table.values() for route in methods.values()]
    requests: set[type[BaseModel]] = {model for route in routes for model in route.body}
    changed = {model for route in routes if route.only_changes for model in route.body}
    answers: set[type[BaseModel]] = {Problem, *(_model(route.answer) for route in routes)}
    schemas = _schemas(requests, "validation") | _schemas(answers, "serialization")
    schemas |= _request_schemas(schemas, (model.__name__ for model in requests), "")
    schemas |= _request_schemas(schemas, (model.__name__ for model in changed), "Changes")
    for schema in schemas.values():
        _describe(schema)
        _close_maps(schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "oci-vault-sync", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "../..", "description": "The server that answers this document."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"token": []}],
        "paths": {
            path: {method.lower(): _operation(path, route) for method, route in methods.items()}
            for path, methods in table.items()
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(models: Iterable[type[BaseModel]], mode: JsonSchemaMode) -> Json:
    listed = sorted(models, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, mode) for model in listed], by_alias=True, ref_template=_REF
    )
    schemas: Json = found["$defs"]
    for name, schema in schemas.items():
        if name not in _CLOSED:
            schema.pop("additionalProperties", None)
    return schemas


def _request_schemas(schemas: Json, models: Iterable[str], suffix: str) -> Json:
    """Return what requests may hold: unknown fields are ignored, unknown options are not.

    Where a request only changes, nothing is required; what has a default is set to it by null.
    """
    made: Json = {}
    for name in models:
        schema = deepcopy(schemas[name])
        for hidden in _HIDDEN:
            schema["properties"].pop(hidden, None)
        for section, model in SECTIONS.items():
            if name == "SyncConfig":
                own = f"{model.__name__}{suffix or 'Request'}"
                closed = deepcopy(schemas[model.__name__]) | {"additionalProperties": False}
                made[own] = _changes_or_default(closed) if suffix else closed
                schema["properties"][section] = {"$ref": _REF.format(model=own)}
        if suffix:
            may_be_null = name == "SyncConfig"
            schema = _changes_or_default(schema) if may_be_null else _only_changes(schema)
        elif name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
        made[f"{name}{suffix}"] = schema
    return made


def _only_changes(schema: Json) -> Json:
    schema.pop("required", None)
    for name in _FIXED:
        schema["properties"].pop(name, None)
    return schema


def _changes_or_default(schema: Json) -> Json:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if name not in required and "null" not in str(field):
            schema["properties"][name] = {"anyOf": [field, {"type": "null"}]}
    return _only_changes(schema)


def _describe(schema: Json) -> None:
    for name, field in schema.get("properties", {}).items():
        if name in FIELDS and "$ref" not in field:
            field.setdefault("description", FIELDS[name])


def _close_maps(schema: Any) -> None:
    """Say that a map takes no other names than those of its patterns."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _close_maps(part)


def _model(answer: Any) -> type[BaseModel]:
    model: type[BaseModel] = next(iter(get_args(answer)), answer)
    return model


def _ref(model: type[BaseModel], suffix: str = "") -> Json:
    return {"$ref": _REF.format(model=model.__name__ + suffix)}


def _operation(path: str, route: Route) -> Json:
    answer = _ref(_model(route.answer))
    is_list = bool(get_args(route.answer))
    text = (route.handler.__doc__ or "").strip()
    operation: Json = {
        "operationId": route.id,
        "tags": [tag_of(path)],
        "summary": text.partition("\n")[0].partition(":")[0].partition(";")[0].rstrip("."),
        "description": text,
        "parameters": [*_path_parameters(path), *_query_parameters(route)],
        "responses": {
            "200": _response("Done.", {"type": "array", "items": answer} if is_list else answer),
            "default": _response("An error.", _ref(Problem)),
        },
    }
    if route.is_open:
        operation["security"] = []
    if route.body:
        suffix = "Changes" if route.only_changes else ""
        kinds = [_ref(model, suffix) for model in route.body]
        operation["requestBody"] = {"required": True, "content": _content({"anyOf": kinds})}
    return operation


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": _content(schema)}


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _path_parameters(path: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, **_PATH_RULES.get(name, {})},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(route: Route) -> list[Json]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(by_alias=True)
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": it}
        for name, it in schema["properties"].items()
    ]
