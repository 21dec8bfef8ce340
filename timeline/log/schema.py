"""The tables of the log. `alembic/` creates them; a test holds that the two agree."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

REVISION = "0001"
"""The schema that this code reads and writes: the newest script in `alembic/versions`."""

VERSION_TABLE = "timeline_version"
"""Where Alembic keeps the revision. Its usual table may belong to the host's own migrations."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# In SQLite a key of exactly this type is the table's own order; any other is a second index.
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("type_version", sa.Integer, nullable=False),
    # World time: EDTF as given, and its bounds as sortable UTC text; null where open or unknown.
    sa.Column("occurred", sa.Text),
    sa.Column("occurred_from", sa.Text),
    sa.Column("occurred_to", sa.Text),
    sa.Column("recorded_at", sa.Text, nullable=False),
    # The body; null only where a takedown removed it, and `redacted` is then the digest it had.
    # Text, not JSON: digests cover the bytes we made, and a database may reorder JSON.
    sa.Column("evidence", sa.Text),
    sa.Column("data", sa.Text),
    sa.Column("salt", sa.LargeBinary(16)),
    sa.Column("redacted", sa.LargeBinary(32)),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.UniqueConstraint("event_id"),
    sa.UniqueConstraint("stream", "version"),
    sa.Index(None, "type", "position"),
    sa.CheckConstraint("position > 0", name="position"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(data IS NULL) = (redacted IS NOT NULL)", name="body"),
)
"""The log. Triggers refuse DELETE, and UPDATE except for a takedown."""


class Stored(NamedTuple):
    """A row of `events`: its columns, in their order."""

    position: int
    event_id: str
    stream: str
    version: int
    type: str
    type_version: int
    occurred: str | None
    occurred_from: str | None
    occurred_to: str | None
    recorded_at: str
    evidence: str | None
    data: str | None
    salt: bytes | None
    redacted: bytes | None
    digest: bytes


head = sa.Table(
    "head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.CheckConstraint("id = 1", name="single"),
)
"""One row: the last position and its digest. A writer locks it first."""

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""The position that each subscription has reached."""

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("build", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    # The names of its views, as JSON; each stands for a table of that name, `_v` and the build.
    sa.Column("rows", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("target", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
"""The position that each build of each projection has reached."""
