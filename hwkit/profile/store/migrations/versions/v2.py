"""Version 2: who answered, on which input, with which options."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    for name, default in (("identity", ""), ("input_digest", ""), ("options", "{}")):
        op.add_column(
            "measurement", sa.Column(name, sa.Text, nullable=False, server_default=default)
        )
