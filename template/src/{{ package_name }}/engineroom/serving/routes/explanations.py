"""Why a record gets its score: how the score moves when a part of the record is left out.

A contribution is the score of the record minus its score without one part: a column that takes its typical value, words
that are cut out, a patch that is painted over. It answers a question about the model, one part at a time, and no more:

- Contributions do not add up to the score. Of two parts that say the same, each may be left out without harm, and both
  then show about 0; two that work together each show what they do together.
- A record without a part may be unlike any that the model learned from, where its scores mean little.
- They say nothing of the world: what moves the score need not cause the outcome.

References:
    Robnik-Sikonja and Kononenko (2008), Explaining classifications for individual instances; Zeiler and Fergus (2014),
    Visualizing and understanding convolutional networks.
"""

from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field, create_model

from ...bundle import Bundle
from ...encoding import LeftOut, Record
from ..http import responses
from .body import bare_media, media_type, read
from .openapi import record_body
from .routes import JsonResponse, add_post, in_thread, served_by
from .service import Service


class Explained(BaseModel):
    """The prediction, and what moves the score behind it; contributions do not add up to the score."""

    explained: str = Field(description="what the score is, such as the probability of a class")
    score: float
    contributions: list[Any] = Field(description="those that move the score most first")
    model_version: str


def explanation_type(answer: type[BaseModel], part: type[LeftOut]) -> type[BaseModel]:
    """An answer and why: contributions are such parts of a record, each with what the score loses without it."""
    said = "What is left out, and how much lower the score is without it."
    contribution = create_model("Contribution", __base__=part, __doc__=said, contribution=(float, ...))
    listed = (list[contribution], Explained.model_fields["contributions"])
    both = (Explained, answer)  # fields of the last come first
    return create_model("Explanation", __base__=both, __doc__=Explained.__doc__, contributions=listed)


def explanation_of(bundle: Bundle, record: Record) -> dict[str, Any]:
    """A typed record -> its answer and an `Explained`, as JSON has them.

    The model scores the record, and it without each part, at once: a row for each column of a table, some 50 for texts
    and pictures, and one more.
    """
    encoder = bundle.encoder
    parts, without = zip((None, record), *encoder.occlude(record, bundle.contract), strict=True)
    rows = [encoder.encode_one(one) for one in without]
    scores = bundle.run({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
    explained, values = bundle.decision.explained(scores)
    moved = zip(parts[1:], (values[0] - values[1:]).tolist(), strict=True)
    contributions = [part.model_dump() | {"contribution": by} for part, by in moved]
    return {
        **bundle.decision.answer(scores[:1])[0],
        "explained": explained,
        "score": float(values[0]),
        "contributions": sorted(contributions, key=lambda one: -abs(one["contribution"])),
        "model_version": bundle.manifest.model_version,
    }


def explain(app: FastAPI, service: Service) -> None:
    """Add `POST /explain`: what moves the score of one record."""
    predictor = service.models.champion.predictor
    bare = bare_media(predictor.contract)

    async def explain_one(request: Request) -> Response:
        """What moves the score of one record: each part of it is left out once. Contributions do not add up."""
        body, media = await read(request, service.environment.max_body_bytes), media_type(request)

        def work() -> dict[str, Any]:
            record, _ = service.read(media, body, bare)
            bundle = service.models.champion.predictor.bundle
            served_by(request, bundle.manifest.model_version)
            return explanation_of(bundle, record)

        return JsonResponse(await in_thread(service, work))

    documented: dict[str, Any] = {"responses": responses(400, 408, 413, 415, 422, 503), "tags": ["predict"]}
    bundle, body = predictor.bundle, record_body(predictor, tuple(bare))
    model = explanation_type(bundle.decision.Answer, bundle.encoder.Part)
    add_post(app, "/explain", explain_one, response_model=model, openapi_extra=body, **documented)
