"""The Open Inference Protocol, version 2, which KServe, Seldon and Triton clients speak: a tensor for each column.

See https://github.com/kserve/open-inference-protocol.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from pydantic import BaseModel, Field

from ...contract import Column, Contract
from ...reading import Reader
from ...scoring import Answer
from ..http import TITLES, ProblemDetails, responses, unfit_at
from .body import JSON, Table, columns_of, expect
from .routes import add_post, answer_many, as_columns
from .service import Service

NAME = __name__.partition(".")[0]
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}  # all others are texts: BYTES
NAMED: dict[str, Any] = {"type": "string", "const": NAME, "default": NAME}  # which /docs fills in
Name = Annotated[str, Path(json_schema_extra=NAMED)]


class Tensor(BaseModel):
    """One column of the records, or one field of the answers."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class Inference(BaseModel):
    """Answers as the protocol has them."""

    model_name: str
    model_version: str
    id: Any = Field(None, description="that of the request")
    outputs: list[Tensor]
    parameters: dict[str, Any] = {}


def openinference(app: FastAPI, service: Service) -> None:
    """Add the paths under `/v2` but those of its health, which are with the others."""

    async def infer(request: Request) -> Response:
        """Predict many records, given as one tensor a column."""
        _check_name(request.path_params["name"])
        return await answer_many(request, service, tensors, _outputs)

    contract, examples = service.models.champion.predictor.contract, service.models.champion.predictor.examples
    refusals = responses(400, 404, 408, 413, 415, 422, 503)
    documented: dict[str, Any] = {"responses": refusals, "openapi_extra": _question(contract, examples[:2])}
    add_post(app, "/v2/models/{name}/infer", infer, response_model=Inference, tags=["inference v2"], **documented)

    @app.get("/v2", tags=["inference v2"])
    async def server() -> dict[str, Any]:
        """The server, as the protocol describes it."""
        return {"name": NAME, "version": service.models.champion.predictor.version, "extensions": []}

    @app.get("/v2/models/{name}", responses=responses(404, 422), tags=["inference v2"])
    async def model(name: Name) -> dict[str, Any]:
        """The model, as the protocol describes it: its input tensors and its versions."""
        _check_name(name)
        return {
            "name": NAME,
            "versions": [service.models.champion.predictor.version],
            "platform": "onnxruntime_onnx",
            "inputs": [_described(name, column) for name, column in contract.inputs.items()],
            "outputs": [_described("prediction", contract.columns[contract.target.name])],
        }

    @app.get("/v2/models/{name}/ready", responses=responses(404, 422, 503), tags=["inference v2"])
    async def model_ready(name: Name) -> dict[str, bool]:
        """Whether the model answers."""
        _check_name(name)
        service.lifecycle.check(service.log)
        return {"ready": True}


def _question(contract: Contract, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Path and body of `infer` as OpenAPI has them; FastAPI knows neither, as the handler reads them itself."""
    inputs = [
        _described(name, contract.columns[name])
        | {"shape": [len(records)], "data": [record.get(name) for record in records]}
        for name in records[0]
    ]
    tensors = {"type": "array", "items": Tensor.model_json_schema()}
    schema = {"type": "object", "properties": {"inputs": tensors}, "required": ["inputs"]}
    return {
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": NAMED}],
        "requestBody": {"required": True, "content": {JSON: {"schema": schema, "example": {"inputs": inputs}}}},
    }


def tensors(content: Any, reader: Reader, most: int) -> Table:
    """Input tensors of shape (n) or (n, 1) as columns. Raises ProblemDetails, 422."""
    inputs = expect(expect(content, dict, ()).get("inputs"), list, ("inputs",))
    columns, places = {}, {}
    for number, tensor in enumerate(inputs):
        path = ("inputs", number)
        name = expect(expect(tensor, dict, path).get("name"), str, (*path, "name"))
        if name in places:
            raise unfit_at((*path, "name"), f"there are two tensors {name!r}")
        data = expect(tensor.get("data"), list, (*path, "data"))
        shape = tensor.get("shape")
        if shape not in ([len(data)], [len(data), 1]):
            detail = f"the shape is [{len(data)}] or [{len(data)}, 1], as there are so many values"
            raise unfit_at((*path, "shape"), detail)
        # values of shape (n, 1) may be sent flat; where (n) is said, a list is a value, and a wrong one
        nested = len(shape) == 2 and all(isinstance(value, list) and len(value) == 1 for value in data)
        columns[name] = [value[0] for value in data] if nested else data
        places[name] = number

    def place(row: int | None, name: str) -> tuple[str | int, ...]:
        if name not in places:
            return ("inputs",)
        return ("inputs", places[name], "data") if row is None else ("inputs", places[name], "data", row)

    return columns_of(columns, reader, most, place, "inputs")


def _outputs(content: Any, answers: list[Answer]) -> dict[str, Any]:
    """An `Inference`: a tensor for each field of the answers, and the id of the request where it has one."""
    named = as_columns(answers)
    warnings = {"parameters": {"warnings": named.pop("warnings")}} if "warnings" in named else {}
    given = {"id": content["id"]} if "id" in content else {}
    outputs = [output(name, values) for name, values in named.items()]
    version = answers[0]["model_version"]
    return {"model_name": NAME, "model_version": version, "outputs": outputs, **given, **warnings}


def output(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """One field of all answers as a tensor: numbers, texts, or several numbers an answer."""
    first, parameters = values[0], {}
    if isinstance(first, dict):
        parameters = {"parameters": {"labels": list(first)}}
        values = [list(value.values()) for value in values]
    if isinstance(values[0], (list, tuple)):
        shape, data = [len(values), len(values[0])], [number for value in values for number in value]
    else:
        shape, data = [len(values)], ["" if value is None else value for value in values]  # an id that is not there
    datatype = "FP64" if isinstance(data[0], float) else "BYTES"
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **parameters}


def _described(name: str, column: Column) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES.get(column.type, "BYTES"), "shape": [-1]}


def _check_name(name: str) -> None:
    if name != NAME:
        raise ProblemDetails(404, TITLES[404], f"There is no model {name!r}, only {NAME!r}.")
