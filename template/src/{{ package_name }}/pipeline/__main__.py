"""All stages in one process, without DVC: `python -m <package>.pipeline`."""

from . import accept, command, evaluate, gate, ingest, report, split, track, train, tune, validate

STAGES = (
    ingest.ingest,
    validate.validate,
    split.split,
    tune.tune,
    train.train,
    evaluate.evaluate,
    gate.gate,
    report.report,
)

if __name__ == "__main__":
    for stage in STAGES:
        command(stage)
    try:
        command(track.track)
    finally:  # whether MLflow answers or not
        command(accept.accept)
