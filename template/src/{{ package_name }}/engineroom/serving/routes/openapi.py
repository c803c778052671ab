"""How routes are documented: schemas and examples, from the contract and the bundle; problems; who may ask."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import models_json_schema

from ...contract import Contract
from ...reading import record_schema, value_schema
from ...scoring import Predictor
from ..http import FieldError, ProblemDocument, responses
from .body import JSON

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
PROBLEMS = models_json_schema(  # what the references of `problems.responses` lead to
    [(ProblemDocument, "serialization")], ref_template="#/components/schemas/{model}"
)[1]["$defs"]
BINARY = {"schema": {"type": "string", "format": "binary"}}


class PredictionColumns(BaseModel):
    """Answers by column: each holds a value for every record."""

    columns: dict[str, list[Any]]


@cache
def answer_model(ids: tuple[str, ...], answer: type[BaseModel]) -> type[BaseModel]:
    """What one record is answered: its ids, the decision's answer, and what names the prediction."""
    fields: dict[str, Any] = {f"id_{number}": (str | None, Field(None, alias=name)) for number, name in enumerate(ids)}
    fields |= {"prediction_id": (str, ...), "model_version": (str, ...), "warnings": (list[FieldError], [])}
    return create_model("Prediction", __base__=answer, **fields)


def answers_model(answer: Any) -> Any:
    """What many records are answered: in the shape of the question."""
    return create_model("Predictions", predictions=(list[answer], ...)) | PredictionColumns


def record_body(predictor: Predictor, bare: Sequence[str] = ()) -> dict[str, Any]:
    """One record: JSON, or the one feature as it stands under its media type."""
    examples = {f"example {number}": {"value": record} for number, record in enumerate(predictor.examples, 1)}
    described = {"schema": record_schema(predictor.contract, predictor.examples), "examples": examples}
    return _body({JSON: described, **dict.fromkeys(bare, BINARY)})


def batch_body(predictor: Predictor, most: int) -> dict[str, Any]:
    """Many records: as a list, or by column."""
    contract, examples = predictor.contract, predictor.examples[:2]
    records = {"type": "array", "items": record_schema(contract), "minItems": 1, "maxItems": most}
    by_column = {name: [record.get(name) for record in examples] for name in examples[0]}
    shown = {"records": {"value": {"records": examples}}, "columns": {"value": {"columns": by_column}}}
    schema = {"anyOf": [_only("records", records), _only("columns", columns_schema(contract, most))]}
    return _body({JSON: {"schema": schema, "examples": shown}})


def columns_schema(contract: Contract, most: int) -> dict[str, Any]:
    """Columns by name, all of one length."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "array", "items": value_schema(column), "minItems": 1, "maxItems": most}
            for name, column in contract.inputs.items()
        },
    }


def _only(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}


def _body(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def declare(app: FastAPI, needs_key: Callable[[str], bool], exists: Callable[[str], bool]) -> None:
    """Add to the OpenAPI document what a problem looks like, how a key is sent, and which paths need one.

    A route is summed up by the first line of its documentation. Paths that do not exist at the moment are left out.
    """
    for route in app.routes:
        if isinstance(route, APIRoute):
            said, _, route.description = route.description.partition("\n")
            route.summary = said.rstrip(".")
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            components = document.setdefault("components", {})
            components["securitySchemes"] = SCHEMES
            components.setdefault("schemas", {}).update(PROBLEMS)
            for path, operations in document["paths"].items():
                for operation in operations.values() if needs_key(path) else ():
                    operation["security"] = [{name: []} for name in SCHEMES]
                    operation["responses"] |= {str(status): answer for status, answer in responses(401).items()}
        document = app.openapi_schema or {}
        return document | {"paths": {path: found for path, found in document["paths"].items() if exists(path)}}

    app.openapi = openapi  # type: ignore[method-assign]
