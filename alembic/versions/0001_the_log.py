"""The log, its head, and the positions that projections and subscriptions have reached.

Revision: 0001, the first.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_events()
    _create_head()
    op.create_table(
        "checkpoints",
        sa.Column("projection", sa.Text(), nullable=False),
        sa.Column("build", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("projection", "build", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_subscriptions")),
    )
    for statement in _GUARDS[op.get_context().dialect.name]:
        op.execute(statement)
    if op.get_context().dialect.name == "postgresql":
        op.execute(_APPEND)


def downgrade() -> None:
    if not op.get_context().as_sql:
        _drop_read_models()
    op.drop_table("subscriptions")
    op.drop_table("checkpoints")
    op.drop_table("head")
    op.drop_table("events")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP PROCEDURE timeline_append")
        op.execute("DROP FUNCTION timeline_refuse()")
        op.execute("DROP FUNCTION timeline_refuse_update()")


def _drop_read_models() -> None:
    connection = op.get_bind()
    quote = connection.dialect.identifier_preparer.quote
    kept = connection.execute(sa.text('SELECT build, state, "rows" FROM checkpoints')).all()
    for build, state, names in kept:
        for name in json.loads(names):
            if state == "live":
                op.execute(f"DROP VIEW {quote(name)}")
            op.execute(f"DROP TABLE {quote(f'{name}_v{build}')}")


def _create_events() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "events",
        sa.Column("position", position, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("type_version", sa.Integer(), nullable=False),
        sa.Column("occurred", sa.Text(), nullable=True),
        sa.Column("occurred_from", sa.Text(), nullable=True),
        sa.Column("occurred_to", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(16), nullable=True),
        sa.Column("redacted", sa.LargeBinary(32), nullable=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_events_position")),
        sa.CheckConstraint("version > 0", name=op.f("ck_events_version")),
        sa.CheckConstraint("(data IS NULL) = (redacted IS NOT NULL)", name=op.f("ck_events_body")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
        sa.UniqueConstraint("stream", "version", name=op.f("uq_events_stream_version")),
    )
    op.create_index(op.f("ix_events_type_position"), "events", ["type", "position"])


def _create_head() -> None:
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    # An expression: `--sql` would print a parameter as 32 NUL characters.
    zeros = _ZEROS[op.get_context().dialect.name]
    op.execute(f"INSERT INTO head (id, position, digest) VALUES (1, 0, {zeros})")


_ZEROS = {"sqlite": "zeroblob(32)", "postgresql": "decode(repeat('00', 32), 'hex')"}


# Appends one event, as `timeline/log/append.py` does. While it holds the head it waits neither for
# the client nor for the disk, so several writers hardly wait for each other. It reads the version
# before it takes the head: where another writer is faster in the stream, the unique constraint
# refuses the event. If it gives back no position, it has done nothing.
_APPEND = r"""
    CREATE PROCEDURE timeline_append(
        expected integer, covered bytea, new_event_id text, new_stream text, new_type text,
        new_type_version integer, new_occurred text, new_occurred_from text, new_occurred_to text,
        new_recorded_at text, new_evidence text, new_data text, new_salt bytea,
        INOUT at_position bigint, INOUT at_version integer, INOUT at_digest bytea
    ) LANGUAGE plpgsql AS $$
    BEGIN
        SELECT coalesce(max(version), 0) + 1 INTO at_version FROM events WHERE stream = new_stream;
        IF at_version <> expected + 1 THEN
            RETURN;
        END IF;
        SET LOCAL synchronous_commit TO off;
        UPDATE head SET position = position + 1, digest = sha256(
            digest
            || '\x003d'::bytea || convert_to((position + 1)::text, 'UTF8')
            || '\x003d'::bytea || convert_to(at_version::text, 'UTF8')
            || covered
        ) RETURNING position, digest INTO at_position, at_digest;
        INSERT INTO events (
            position, event_id, stream, version, type, type_version, occurred, occurred_from,
            occurred_to, recorded_at, evidence, data, salt, digest
        ) VALUES (
            at_position, new_event_id, new_stream, at_version, new_type, new_type_version,
            new_occurred, new_occurred_from, new_occurred_to, new_recorded_at, new_evidence,
            new_data, new_salt, at_digest
        );
        COMMIT;
        -- Commits again, and so waits for the disk, now that the head is free for others.
        PERFORM pg_logical_emit_message(true, 'timeline', '');
    END $$
"""

# The only change allowed: a takedown, which the log already holds, removes an event's words.
# `same` is the comparison that holds for two nulls.
_TAKEDOWN = """
    OLD.data IS NOT NULL AND NEW.data IS NULL AND NEW.evidence IS NULL AND NEW.salt IS NULL
    AND length(NEW.redacted) = 32
    AND NEW.position = OLD.position AND NEW.event_id = OLD.event_id AND NEW.stream = OLD.stream
    AND NEW.version = OLD.version AND NEW.type = OLD.type
    AND NEW.type_version = OLD.type_version AND NEW.recorded_at = OLD.recorded_at
    AND NEW.occurred {same} OLD.occurred AND NEW.occurred_from {same} OLD.occurred_from
    AND NEW.occurred_to {same} OLD.occurred_to
    AND NEW.digest = OLD.digest
    AND EXISTS (
        SELECT 1 FROM events
        WHERE stream = 'redaction-' || OLD.event_id AND type = 'EventRedacted'
    )
"""

_GUARDS = {
    "sqlite": (
        f"""
        CREATE TRIGGER events_keep_update BEFORE UPDATE ON events
        WHEN ({_TAKEDOWN.format(same="IS")}) IS NOT TRUE
        BEGIN SELECT RAISE(ABORT, 'events are append-only: UPDATE refused'); END
        """,
        """
        CREATE TRIGGER events_keep_delete BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'events are append-only: DELETE refused'); END
        """,
        # REPLACE deletes the row in its way without firing a DELETE trigger.
        """
        CREATE TRIGGER events_keep_insert BEFORE INSERT ON events WHEN EXISTS (
            SELECT 1 FROM events WHERE position = NEW.position OR event_id = NEW.event_id
            OR (stream = NEW.stream AND version = NEW.version)
        )
        BEGIN
            SELECT RAISE(ABORT, 'events are append-only: position, id or version is taken');
        END
        """,
    ),
    "postgresql": (
        """
        CREATE FUNCTION timeline_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION USING MESSAGE = 'events are append-only: ' || TG_OP || ' refused';
        END $$
        """,
        f"""
        CREATE FUNCTION timeline_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF ({_TAKEDOWN.format(same="IS NOT DISTINCT FROM")}) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'events are append-only: UPDATE refused';
        END $$
        """,
        """
        CREATE TRIGGER events_keep_update BEFORE UPDATE ON events
        FOR EACH ROW EXECUTE FUNCTION timeline_refuse_update()
        """,
        """
        CREATE TRIGGER events_keep_delete BEFORE DELETE ON events
        FOR EACH ROW EXECUTE FUNCTION timeline_refuse()
        """,
        """
        CREATE TRIGGER events_keep_all BEFORE TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION timeline_refuse()
        """,
    ),
}
