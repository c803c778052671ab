"""contract.yaml as one likes to edit it: a line for a column, doubts as comments, defaults spelled out."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined
from yaml.representer import SafeRepresenter

from ..contract import Acceptance, Costs, Quality, Source, Split
from .profile import Profile

MARGIN = 0.01
SKELETON = Path(__file__).with_name("contract.yaml.j2")


@dataclass(frozen=True)
class Draft:
    """What contract.yaml will say; `rows` and `repeated` count the records that were looked at.

    `duplicates` says what becomes of equal ones.
    """

    source: Source
    target: dict[str, Any]
    profiles: list[Profile]
    rows: int
    repeated: int
    duplicates: str

    @property
    def margin(self) -> float:
        """Least improvement over the baseline: one point of ROC AUC, or a hundredth of a number's usual spread."""
        if self.target["kind"] != "continuous":
            return MARGIN
        values = pd.Series(next(f.present for f in self.profiles if f.name == self.target["name"]), dtype="float64")
        largest = values.abs().max()  # its square may be too large for a float
        return float(f"{MARGIN * (values / largest).std() * largest:.1g}")

    @property
    def content(self) -> dict[str, Any]:
        """What the file says once it is read, defaults aside."""
        return {
            "problem": {"name": f"Predict {self.target['name']}"},
            "source": self.source.model_dump(mode="json", exclude_unset=True),
            "target": self.target,
            "columns": {profile.name: profile.spec for profile in self.profiles},
        }


def render(draft: Draft) -> str:
    """The whole file; it loads, whatever names and values the data have."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    environment.filters["yaml"] = _yaml
    defaults = {"quality": Quality(), "acceptance": Acceptance(), "costs": Costs(), "split": Split()}
    return environment.from_string(SKELETON.read_text(encoding="utf-8")).render(
        draft.content,
        **defaults,
        draft=draft,
        minimum_rows=max(1, min(Quality().minimum_rows, draft.rows // 2)),
        margin=draft.margin,
    )


def _yaml(section: dict[str, Any]) -> str:
    """The lines of a section, one for each key."""
    node = SafeRepresenter(sort_keys=False).represent_data(section)
    for _, value in node.value:
        value.flow_style = True
    return indent(yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=110), "  ").rstrip("\n")
