"""Stage 8: the run for people who do not read code: an HTML report, a model card, a data dictionary, pictures.

Nothing is measured here: every figure was written by an earlier stage. The texts stand in `templates/`; what a metric
means, `judging` knows, and what the test part showed, `reporting` puts into words.
"""

import shutil

from ..engineroom import artifacts
from ..engineroom import contract as contracts
from ..engineroom.artifacts import CANDIDATE, REPORT, read_json
from ..engineroom.bundle import MANIFEST, Manifest
from ..engineroom.judging import reasons
from ..engineroom.reporting import (
    draw_plots,
    explain,
    hardly_tested,
    limits_of_use,
    per_1000,
    render_document,
    slice_rows,
    summary,
)
from ..engineroom.stages import command

DOCUMENTS = ("report.html", "model_card.md", "data_dictionary.md")
STAGES = {
    "ingest": artifacts.INGEST,
    "validation": artifacts.VALIDATION,
    "split": artifacts.SPLIT,
    "tuning": artifacts.TUNING,
    "training": artifacts.TRAINING,
    "evaluation": artifacts.EVALUATION,
    "gate": artifacts.GATE,
}


def report() -> None:
    contract = contracts.load()
    manifest = Manifest.model_validate_json((CANDIDATE / MANIFEST).read_bytes())
    facts = {name: read_json(path) for name, path in STAGES.items()}
    evaluation, training = facts["evaluation"], facts["training"]
    shutil.rmtree(REPORT, ignore_errors=True)
    few = hardly_tested(evaluation["classes"])
    facts |= {
        "contract": contract,
        "manifest": manifest,
        "pictures": draw_plots(manifest.decision),
        "reasons": reasons(facts["gate"]["checks"]),
        "headline": summary(evaluation["metrics"], evaluation["baseline"], manifest.decision, contract),
        "rule": explain(manifest.decision, contract),
        "slices": slice_rows(contract, evaluation),
        "few": few,
        "limits": limits_of_use(contract, evaluation, training["dropped"], facts["split"]["periods"]) + few,
        "per_1000": per_1000(evaluation["costs"], evaluation["rows"]),
    }
    for document in DOCUMENTS:
        (REPORT / document).write_text(render_document(document, facts), encoding="utf-8")
    print(f"report: {REPORT / DOCUMENTS[0]}, and {', '.join(DOCUMENTS[1:])} beside it")
    for sentence in few:
        print(f"report: {sentence}")


if __name__ == "__main__":
    command(report)
