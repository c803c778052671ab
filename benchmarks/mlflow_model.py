"""The model as MLflow's pyfunc: `mlflow models serve` gives it a data frame."""

from typing import Any

import mlflow
import pandas as pd
from native import scorer


class Native(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def load_context(self, context: Any) -> None:
        self.scores = scorer()

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        return self.scores(model_input)


mlflow.models.set_model(Native())
