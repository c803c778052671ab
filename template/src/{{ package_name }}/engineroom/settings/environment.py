"""The environment, `.env` and `project.env`, read once into a frozen, typed model."""

import logging
import os
import re
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, TypeAdapter, ValidationError, model_validator

from ..artifacts import SUMS
from ..contract import Section, UserError, mistakes_of

log = logging.getLogger(__name__)

DOTENV, PROJECT, SHELL = ".env", "project.env", "the environment"
PREFIX = "SERVICE_"


Device = Literal["auto", "cpu", "gpu"]


class Environment(Section, allow_inf_nan=False):
    """What differs between machines. A field is read as `SERVICE_` and its name in capitals; one name is MLflow's own.

    The environment goes before `.env`, and that before `project.env`; a variable that is empty counts as not set.
    Names of before 0.7 are read until 1.0 (`_in_force`).
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    bundle: Path = Path("artifacts/bundle")
    device: Device = Field("auto", description="auto: the GPU where there is one")
    allow_failed_gate: bool = Field(False, description="serve bundles that have no verdict of having passed")
    challenger_bundle: Path | None = None
    challenger_share: float = Field(0.0, ge=0, le=1, description="of the traffic; 0: it sees all, and answers none")
    max_body_bytes: int = Field(32 * 1024**2, ge=1)
    max_bodies_bytes: int = Field(64 * 1024**2, ge=1, description="of all requests at once; more are told to come back")
    max_rows: int = Field(1_000, ge=1, description="records of one request")
    prediction_log: str = Field("artifacts/predictions.db", repr=False, description="a path, or a URL with a password")
    prediction_log_policy: Literal["drop", "block"] = "drop"
    prediction_log_capacity: int = Field(10_000, ge=1_000, description="rows that may wait for the database")
    prediction_log_retention_days: float | None = Field(None, gt=0, description="by default they are kept for ever")
    log_raw: bool = Field(False, description="keep whole records, texts and images too, but no personal columns")
    mlflow_tracking_uri: str = "sqlite:///mlflow.db"
    pii_key: SecretStr = SecretStr("")

    authentication: Literal["required", "off"] = "required"
    api_keys: SecretStr = Field(SecretStr(""), description="name:digest entries of `make key`, commas between them")
    api_keys_file: Path | None = Field(None, description="such entries, one a line; read again when it changes")
    admin_keys: SecretStr = Field(SecretStr(""), description="the same for /admin, which does not exist without any")
    admin_keys_file: Path | None = None
    api_key: SecretStr = Field(SecretStr(""), description="what `make predict` sends")
    docs: Literal["on", "off"] = "on"
    access_log: Literal["all", "errors", "none"] = "all"
    max_in_flight: int = Field(100, ge=1, description="requests that wait for the model; more are told to come back")
    max_connections: int = Field(1_000, ge=1)
    max_header_bytes: int = Field(16_384, ge=1_024)
    header_timeout_s: float = Field(10, gt=0, description="for the headers of a request to arrive")
    request_timeout_s: float = Field(30, gt=0, description="from a request's headers to its answer")
    drain_seconds: float = Field(5, ge=0, description="between SIGTERM and the last new connection")

    def __init__(self, **given: Any) -> None:
        """Raises UserError naming every setting that is wrong."""
        lines = {field: line for field, line in _in_force().items() if field not in given}
        try:
            super().__init__(**{field: line.value for field, line in lines.items()}, **given)
        except ValidationError as error:
            told = re.sub(r"\b\w+(?=: )", lambda name: str(lines.get(name[0], name[0])), "; ".join(mistakes_of(error)))
            raise UserError(f"settings: {told}") from None

    @model_validator(mode="after")
    def _limits_agree(self) -> Self:
        if self.max_rows > self.prediction_log_capacity:
            raise ValueError("SERVICE_PREDICTION_LOG_CAPACITY is less than SERVICE_MAX_ROWS: a batch must fit into it")
        if self.max_body_bytes > self.max_bodies_bytes:
            raise ValueError("SERVICE_MAX_BODIES_BYTES is less than SERVICE_MAX_BODY_BYTES: a body must fit into it")
        return self


# Without a prefix, as before 0.7: read until 1.0. A new setting never had such a name, so do not add it here.
OLD = """HOST PORT BUNDLE CHALLENGER_BUNDLE CHALLENGER_SHARE MAX_BODY_BYTES MAX_BODIES_BYTES MAX_ROWS MAX_IN_FLIGHT
MAX_CONNECTIONS MAX_HEADER_BYTES HEADER_TIMEOUT_S REQUEST_TIMEOUT_S DRAIN_SECONDS PREDICTION_LOG PREDICTION_LOG_POLICY
PREDICTION_LOG_CAPACITY PREDICTION_LOG_RETENTION_DAYS LOG_RAW PII_KEY AUTHENTICATION API_KEYS API_KEYS_FILE ADMIN_KEYS
ADMIN_KEYS_FILE API_KEY DOCS ACCESS_LOG"""


class _Line(NamedTuple):
    """A variable, and where it stands."""

    place: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name} in {self.place}"


def _in_force() -> dict[str, _Line]:
    """Of each field that is set, the line that decides. Raises UserError where a file has an unknown `SERVICE_` name.

    `.env` and `project.env` are ours: all that stands there is meant. The environment is everybody's: there an old name
    counts only with a value that a service could have started with, and an unknown `SERVICE_` name may be another's.

    `project.env` comes last whatever the names, as an update writes new ones into it: `AUTHENTICATION=required` of an
    older `.env` must not lose to them. In the environment and `.env` each new name goes before each old one: nothing
    that a shell happens to have moves a machine whose settings were renamed.
    """
    new = {PREFIX + field.upper(): field for field in Environment.model_fields}
    new["MLFLOW_TRACKING_URI"] = new.pop(f"{PREFIX}MLFLOW_TRACKING_URI")
    places: dict[str, Any] = {PROJECT: dotenv_values(PROJECT), DOTENV: dotenv_values(DOTENV), SHELL: os.environ}
    lines = [_Line(place, name.upper(), value) for place in places for name, value in places[place].items() if value]
    unknown = [line for line in lines if line.place != SHELL and line.name.startswith(PREFIX) and line.name not in new]
    if unknown:
        raise UserError(f"settings: {', '.join(map(str, unknown))}: no such setting, docs/service.md lists them")
    fields = {name: name.lower() for name in OLD.split()} | new
    known = sorted(
        (one for one in lines if one.name in fields), key=lambda one: (one.place != PROJECT, one.name in new)
    )
    decide = {fields[line.name]: line for line in known if line.name in new or line.place != SHELL or _is_ours(line)}
    for line in known:
        if line.name not in new:
            _warn(line, decide.get(fields[line.name]))
    return decide


def _is_ours(line: _Line) -> bool:
    """Could a service have started with this value of an old name? Otherwise it is another program's HOST or DOCS."""
    field = Environment.model_fields[line.name.lower()]
    allowed: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(allowed).validate_python(line.value)
        if line.name == "HOST":
            ip_address(line.value)  # some shells and conda put a name there
    except ValueError:
        return False
    return line.name != "BUNDLE" or Path(line.value, SUMS).is_file()


@cache
def _warn(line: _Line, decides: _Line | None) -> None:
    """Of an old name; once a process, which reads its settings several times."""
    if decides is line or line.place != SHELL:
        log.warning("settings: %s is an old name, which 1.0 will not read: rename it to %s%s", line, PREFIX, line.name)
    elif decides is None or decides.value != line.value:
        log.warning("settings: %s is not read, %s is", line, decides or PREFIX + line.name)


def expand(text: str) -> str:
    """A text with the value of each `${NAME}` in its place: the environment's, else that of `.env`.

    Raises KeyError with a name that neither of them has.
    """
    variables = {**dotenv_values(DOTENV), **os.environ}
    return re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]] or "", text)
