"""contract.yaml as one likes to edit it: a line for a column, doubts as comments, defaults spelled out."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined
from yaml.representer import SafeRepresenter

from .contract import Acceptance, Costs, Quality, Source, Split
from .profile import Finding

SKELETON = Path(__file__).with_name("contract.yaml.j2")


@dataclass(frozen=True)
class Draft:
    """What contract.yaml will say; `rows` and `repeated` count the records that were looked at."""

    source: Source
    target: dict[str, Any]
    findings: list[Finding]
    rows: int
    repeated: int

    @property
    def content(self) -> dict[str, Any]:
        """What the file says once it is read, defaults aside."""
        return {
            "problem": {"name": f"Predict {self.target['name']}"},
            "source": self.source.model_dump(mode="json", exclude_unset=True),
            "target": self.target,
            "columns": {finding.name: finding.spec for finding in self.findings},
        }


def render(draft: Draft) -> str:
    """The whole file; it loads, whatever names and values the data have."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    environment.filters["yaml"] = _yaml
    defaults = {"quality": Quality(), "acceptance": Acceptance(), "costs": Costs(), "split": Split()}
    return environment.from_string(SKELETON.read_text(encoding="utf-8")).render(
        draft.content, **defaults, draft=draft, minimum_rows=max(1, min(Quality().minimum_rows, draft.rows // 2))
    )


def _yaml(section: dict[str, Any]) -> str:
    """The lines of a section, one for each key."""
    node = SafeRepresenter(sort_keys=False).represent_data(section)
    for _, value in node.value:
        value.flow_style = True
    return indent(yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=110), "  ").rstrip("\n")
