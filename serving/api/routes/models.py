"""Forecasts: there are none yet, and these addresses say so."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from serving.api.answering import Asked, Text
from serving.api.door import Reader
from serving.api.errors import ApiError, refusals

router = APIRouter(tags=["models"])

NONE_YET = "No model has been trained: this house forecasts nothing yet."


class Models(BaseModel):
    """Which models exist."""

    models: list[str] = Field(description="Names of trained models; empty until there are some.")
    message: str = Field(description="What that means.")


class Predictions(BaseModel):
    """Forecasts of a node."""

    node_id: str = Field(description="Node.")
    predictions: list[float] = Field(description="Forecast flow, L/s; empty until models exist.")
    message: str = Field(description="What that means.")


@router.get("/models/status", responses=refusals())
def status(caller: Reader) -> Models:
    """Which models exist."""
    return Models(models=[], message=NONE_YET)


@router.get("/predictions/{node_id}", responses=refusals(404))
def predictions(
    caller: Reader, asked: Asked, node_id: Annotated[Text, Path(description="Node, as the node list has it.")]
) -> Predictions:
    """Forecasts of a node."""
    if not asked.rows("select node_id from dim_nodes where node_id = $node_id", node_id=node_id):
        raise ApiError(404, "NO_SUCH_NODE", "No node list and no reading names that node.")
    return Predictions(node_id=node_id, predictions=[], message=NONE_YET)
