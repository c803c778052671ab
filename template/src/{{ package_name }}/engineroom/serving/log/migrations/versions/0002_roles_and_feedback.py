"""Several models may answer under one id, records have a subject and a raw form, and labels arrive later."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(), "sqlite")


def upgrade() -> None:
    # A new table, because SQLite cannot change a primary key.
    op.create_table(
        "predictions_new",
        sa.Column("prediction_id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("predicted_at", MOMENT, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("raw", sa.Text),
        sa.PrimaryKeyConstraint("prediction_id", "role", name="predictions_key"),
    )
    moment = "predicted_at" if op.get_bind().dialect.name == "sqlite" else "CAST(predicted_at AS timestamptz)"
    op.execute(
        "INSERT INTO predictions_new (prediction_id, role, predicted_at, model_version, record, answer) "
        f"SELECT prediction_id, 'champion', {moment}, model_version, record, answer FROM predictions"
    )
    op.drop_table("predictions")
    op.rename_table("predictions_new", "predictions")
    op.create_index("predictions_by_time", "predictions", ["predicted_at"])
    known = sa.text("subject IS NOT NULL")
    op.create_index("predictions_by_subject", "predictions", ["subject"], sqlite_where=known, postgresql_where=known)
    op.create_table(
        "feedback",
        sa.Column("prediction_id", sa.String(32), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", name="feedback_key"),
    )
