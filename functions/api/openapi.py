"""The API's OpenAPI 3.1 document, made from the routes and the models."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from functions.api.answers import Problem
from functions.api.route import Route
from functions.version import VERSION

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_HIDDEN = ("isBeingRemoved",)
_FIXED = ("projectId", "method")


def document(table: Mapping[str, Mapping[str, Route]]) -> Json:
    """Return the document of a table of routes, by path and method."""
    routes = [route for methods in table.values() for route in methods.values()]
    requests: set[type[BaseModel]] = {model for route in routes for model in route.body}
    answers: set[type[BaseModel]] = {Problem}
    answers |= {_model(route.answer) for route in routes}
    schemas = _schemas(requests, "validation") | _schemas(answers, "serialization")
    for model in requests:
        _open(schemas[model.__name__])
    schemas |= {
        f"{model.__name__}Changes": _changes(schemas[model.__name__])
        for route in routes
        if route.only_changes
        for model in route.body
    }
    paths = {
        path: {method.lower(): _operation(path, route) for method, route in methods.items()}
        for path, methods in table.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "oci-vault-sync", "version": VERSION},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(models: set[type[BaseModel]], mode: JsonSchemaMode) -> Json:
    listed = sorted(models, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, mode) for model in listed], by_alias=True, ref_template=_REF
    )
    schemas: Json = found["$defs"]
    for schema in schemas.values():
        schema.pop("additionalProperties", None)
    return schemas


def _open(schema: Json) -> None:
    for name in _HIDDEN:
        schema["properties"].pop(name, None)


def _changes(schema: Json) -> Json:
    changed = deepcopy(schema)
    changed.pop("required", None)
    for name in _FIXED:
        changed["properties"].pop(name, None)
    return changed


def _model(answer: Any) -> type[BaseModel]:
    model: type[BaseModel] = next(iter(get_args(answer)), answer)
    return model


def _ref(model: type[BaseModel], suffix: str = "") -> Json:
    return {"$ref": _REF.format(model=model.__name__ + suffix)}


def _operation(path: str, route: Route) -> Json:
    answer = _ref(_model(route.answer))
    is_list = bool(get_args(route.answer))
    operation: Json = {
        "operationId": route.id,
        "summary": (route.handler.__doc__ or "").strip(),
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
            "schema": {"type": "string", "minLength": 1}
            | ({"format": "uuid"} if name in ("syncId", "connectionId") else {}),
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
