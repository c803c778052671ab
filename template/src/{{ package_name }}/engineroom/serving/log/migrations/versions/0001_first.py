"""The table that release 0.2 wrote; a file of that release has it already."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "predictions",
        sa.Column("prediction_id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("predicted_at", "model_version", "record", "answer")),
        if_not_exists=True,
    )
