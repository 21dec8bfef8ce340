"""The log, the positions of projections and subscriptions, and the texts of sources.

Revision: 0001, the first.

Plain SQL, one script for each kind of database: what is released never changes.
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
    dialect, quote, schema = _place()
    if dialect == "postgresql":
        words = _POSTGRESQL | {"s": f"{quote(schema)}.", "log": _name_of_the_view(schema)}
        for statement in (*_TABLES, *_ON_POSTGRESQL, _VIEW):
            _execute(statement, words)
        return
    for statement in (*_TABLES, *_ON_SQLITE, _VIEW):
        _execute(statement, _SQLITE | {"s": "", "log": _name_of_the_view(None)})


def downgrade() -> None:
    dialect, quote, schema = _place()
    s = f"{quote(schema)}." if dialect == "postgresql" else ""
    if not op.get_context().as_sql:
        _drop_read_models(s)
    op.execute(f"DROP VIEW {s}{_name_of_the_view(schema or None, made=True)}")
    for name in (
        "texts",
        "subscriptions",
        "checkpoints",
        *(["head"] if s else []),
        "events",
        "types",
    ):
        op.execute(f"DROP TABLE {s}timeline_{name}")
    if s:
        for kind, name in _ROUTINES:
            op.execute(f"DROP {kind} {s}timeline_{name}")


def _place() -> tuple[str, object, str]:
    context = op.get_context()
    quote = context.dialect.identifier_preparer.quote
    return context.dialect.name, quote, context.opts.get("version_table_schema") or ""


def _execute(statement: str, words: dict[str, str]) -> None:
    for name, word in words.items():
        statement = statement.replace(f"<{name}>", word)
    op.execute(statement)


def _name_of_the_view(schema: str | None, *, made: bool = False) -> str:
    """`log`, unless the host has a table or view of that name."""
    if op.get_context().as_sql:
        return "log"
    inspector = sa.inspect(op.get_bind())
    there = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
    return "timeline_log" if ("timeline_log" in there if made else "log" in there) else "log"


def _drop_read_models(s: str) -> None:
    connection = op.get_bind()
    quote = connection.dialect.identifier_preparer.quote
    query = f'SELECT build, "rows" FROM {s}timeline_checkpoints'
    inspector = sa.inspect(connection)
    views = inspector.get_view_names(schema=_place()[2] if s else None)
    for build, names in connection.execute(sa.text(query)).all():
        for name in json.loads(names):
            for view in {name, f"timeline_{name}"} & {*views}:
                if f"timeline_{name}_v" in inspector.get_view_definition(
                    view, schema=_place()[2] if s else None
                ):
                    op.execute(f"DROP VIEW IF EXISTS {s}{quote(view)}")
            table = f"timeline_{name}_v{build}"
            op.execute(f"DROP TABLE {s}{quote(table)}")
            op.execute(f"DROP TABLE IF EXISTS {s}{quote(f'{table}_words')}")


_SQLITE = {"number": "INTEGER", "bytes": "BLOB", "time": "BIGINT"}
_POSTGRESQL = {"number": "BIGINT", "bytes": "BYTEA", "time": "BIGINT"}

_TABLES = (
    """
    CREATE TABLE <s>timeline_types (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        CONSTRAINT pk_timeline_types PRIMARY KEY (id),
        CONSTRAINT uq_timeline_types_name_version UNIQUE (name, version)
    )
    """,
    """
    CREATE TABLE <s>timeline_events (
        position <number> NOT NULL,
        event_id TEXT NOT NULL,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        type INTEGER NOT NULL,
        occurred TEXT,
        occurred_from <time>,
        occurred_to <time>,
        recorded_at <time> NOT NULL,
        evidence TEXT,
        data TEXT,
        metadata TEXT,
        salt <bytes>,
        redacted <bytes>,
        digest <bytes> NOT NULL,
        CONSTRAINT pk_timeline_events PRIMARY KEY (position),
        CONSTRAINT uq_timeline_events_event_id UNIQUE (event_id),
        CONSTRAINT uq_timeline_events_stream_version UNIQUE (stream, version),
        CONSTRAINT ck_timeline_events_position CHECK (position > 0),
        CONSTRAINT ck_timeline_events_version CHECK (version > 0),
        CONSTRAINT ck_timeline_events_body CHECK ((data IS NULL) = (redacted IS NOT NULL)),
        CONSTRAINT ck_timeline_events_salt CHECK (salt IS NULL OR length(salt) = 16)
    )
    """,
    """
    CREATE INDEX ix_timeline_events_type_position ON <s>timeline_events (type, position)
    """,
    """
    CREATE TABLE <s>timeline_checkpoints (
        projection TEXT NOT NULL,
        build INTEGER NOT NULL,
        version INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        "rows" TEXT NOT NULL,
        position BIGINT NOT NULL,
        target BIGINT NOT NULL,
        state TEXT NOT NULL,
        CONSTRAINT pk_timeline_checkpoints PRIMARY KEY (projection, build)
    )
    """,
    """
    CREATE TABLE <s>timeline_subscriptions (
        name TEXT NOT NULL,
        position BIGINT NOT NULL,
        CONSTRAINT pk_timeline_subscriptions PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE <s>timeline_texts (
        source TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        place TEXT NOT NULL,
        archive TEXT,
        retrieved_at <time> NOT NULL,
        text TEXT NOT NULL,
        CONSTRAINT pk_timeline_texts PRIMARY KEY (source, sha256)
    )
    """,
)

# For people and for other programs: names and times as text, whatever the tables look like.
_VIEW = """
    CREATE VIEW <s><log> AS
    SELECT e.position, e.event_id, e.stream, e.version, t.name AS type, t.version AS type_version,
        e.occurred, <text(occurred_from)> AS occurred_from, <text(occurred_to)> AS occurred_to,
        <text(recorded_at)> AS recorded_at,
        e.evidence, e.data, e.metadata, e.salt, e.redacted, e.digest
    FROM <s>timeline_events AS e JOIN <s>timeline_types AS t ON t.id = e.type
"""

# Both databases divide towards zero; times before 1970 are negative.
for _name in ("occurred_from", "occurred_to", "recorded_at"):
    _below = f"((e.{_name} % 1000000 + 1000000) % 1000000)"
    _SQLITE[f"text({_name})"] = (
        f"strftime('%Y-%m-%dT%H:%M:%S', (e.{_name} - {_below}) / 1000000, 'unixepoch')"
        f" || printf('.%06dZ', {_below})"
    )
    _POSTGRESQL[f"text({_name})"] = f"<s>timeline_text(e.{_name})"

# The only change allowed: a takedown, which the log already holds, removes an event's words.
# `same` is the comparison that holds for two nulls.
_TAKEDOWN = """
    OLD.data IS NOT NULL AND NEW.data IS NULL AND NEW.evidence IS NULL AND NEW.metadata IS NULL
    AND NEW.salt IS NULL AND length(NEW.redacted) = 32
    AND NEW.position = OLD.position AND NEW.event_id = OLD.event_id AND NEW.stream = OLD.stream
    AND NEW.version = OLD.version AND NEW.type = OLD.type AND NEW.recorded_at = OLD.recorded_at
    AND NEW.occurred {same} OLD.occurred AND NEW.occurred_from {same} OLD.occurred_from
    AND NEW.occurred_to {same} OLD.occurred_to
    AND NEW.digest = OLD.digest
    AND EXISTS (
        SELECT 1 FROM <s>timeline_events AS e JOIN <s>timeline_types AS t ON t.id = e.type
        WHERE e.stream = 'redaction-' || OLD.event_id AND t.name = 'EventRedacted'
    )
"""

_ON_SQLITE = (
    f"""
    CREATE TRIGGER timeline_keep_update BEFORE UPDATE ON timeline_events
    WHEN ({_TAKEDOWN.format(same="IS")}) IS NOT TRUE
    BEGIN SELECT RAISE(ABORT, 'events are append-only: UPDATE refused'); END
    """,
    """
    CREATE TRIGGER timeline_keep_delete BEFORE DELETE ON timeline_events
    BEGIN SELECT RAISE(ABORT, 'events are append-only: DELETE refused'); END
    """,
    # REPLACE deletes the row in its way without firing a DELETE trigger.
    """
    CREATE TRIGGER timeline_keep_insert BEFORE INSERT ON timeline_events WHEN EXISTS (
        SELECT 1 FROM timeline_events WHERE position = NEW.position OR event_id = NEW.event_id
        OR (stream = NEW.stream AND version = NEW.version)
    )
    BEGIN
        SELECT RAISE(ABORT, 'events are append-only: position, id or version is taken');
    END
    """,
    """
    CREATE TRIGGER timeline_keep_types_update BEFORE UPDATE ON timeline_types
    BEGIN SELECT RAISE(ABORT, 'types of events are append-only: UPDATE refused'); END
    """,
    """
    CREATE TRIGGER timeline_keep_types_delete BEFORE DELETE ON timeline_types
    BEGIN SELECT RAISE(ABORT, 'types of events are append-only: DELETE refused'); END
    """,
    """
    CREATE TRIGGER timeline_keep_types_insert BEFORE INSERT ON timeline_types WHEN EXISTS (
        SELECT 1 FROM timeline_types
        WHERE id = NEW.id OR (name = NEW.name AND version = NEW.version)
    )
    BEGIN SELECT RAISE(ABORT, 'types of events are append-only: id or name is taken'); END
    """,
)

_ROUTINES = (
    ("PROCEDURE", "append_now"),
    ("FUNCTION", "append"),
    ("FUNCTION", "text"),
    ("FUNCTION", "refuse"),
    ("FUNCTION", "refuse_update"),
)

_ARGUMENTS = """
        ids text[], streams text[], types text[], type_versions integer[], occurred text[],
        occurred_from bigint[], occurred_to bigint[], evidence text[], data text[],
        metadata text[], salts bytea[], expected integer, recorded_at bigint
"""

# Names and operators mean those of PostgreSQL itself, whatever the caller's search_path says.
_SAFE = "SET search_path = pg_catalog, pg_temp"

_ON_POSTGRESQL = (
    """
    CREATE TABLE <s>timeline_head (
        id INTEGER NOT NULL,
        position BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        recorded_at BIGINT NOT NULL,
        CONSTRAINT pk_timeline_head PRIMARY KEY (id),
        CONSTRAINT ck_timeline_head_single CHECK (id = 1)
    )
    """,
    """
    INSERT INTO <s>timeline_head (id, position, digest, recorded_at)
    VALUES (1, 0, decode(repeat('00', 32), 'hex'), -62135596800000000)
    """,
    # Whole days apart: a number of microseconds from 1970 on is too large for the product.
    """
    CREATE FUNCTION <s>timeline_text(stamp bigint) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT pg_catalog.to_char(
            (
                '1970-01-01'::pg_catalog.timestamp OPERATOR(pg_catalog.+) (
                    (stamp OPERATOR(pg_catalog./) 86400000000)
                    OPERATOR(pg_catalog.*) '1 day'::pg_catalog.interval
                )
            ) OPERATOR(pg_catalog.+) (
                pg_catalog.mod(stamp, 86400000000)
                OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval
            ),
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        )
    $$
    """,
    f"""
    CREATE FUNCTION <s>timeline_refuse() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
    BEGIN
        RAISE EXCEPTION USING MESSAGE = 'events are append-only: ' || TG_OP || ' refused';
    END $$
    """,
    f"""
    CREATE FUNCTION <s>timeline_refuse_update() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
    BEGIN
        IF ({_TAKEDOWN.format(same="IS NOT DISTINCT FROM")}) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'events are append-only: UPDATE refused';
    END $$
    """,
    """
    CREATE TRIGGER timeline_keep_update BEFORE UPDATE ON <s>timeline_events
    FOR EACH ROW EXECUTE FUNCTION <s>timeline_refuse_update()
    """,
    """
    CREATE TRIGGER timeline_keep_delete BEFORE DELETE ON <s>timeline_events
    FOR EACH ROW EXECUTE FUNCTION <s>timeline_refuse()
    """,
    """
    CREATE TRIGGER timeline_keep_all BEFORE TRUNCATE ON <s>timeline_events
    FOR EACH STATEMENT EXECUTE FUNCTION <s>timeline_refuse()
    """,
    """
    CREATE TRIGGER timeline_keep_types BEFORE UPDATE OR DELETE ON <s>timeline_types
    FOR EACH ROW EXECUTE FUNCTION <s>timeline_refuse()
    """,
    """
    CREATE TRIGGER timeline_keep_all_types BEFORE TRUNCATE ON <s>timeline_types
    FOR EACH STATEMENT EXECUTE FUNCTION <s>timeline_refuse()
    """,
    # Appends events, as `timeline/log/append.py` does on SQLite, and is all that a writer may do to
    # the log: places, versions and digests are computed here. It keeps the head locked until the
    # transaction ends. With no events it does only that. Where the stream of the first event is at
    # another version than expected (-1: any but 0), or takes no more events, it does nothing more
    # and gives back no places. A time of recording never goes back, and only the owner may give one
    # that is yet to come.
    #
    # Queries are planned once a session, and by the indexes: a plan made while the log is empty
    # would else read all of it when it is full.
    f"""
    CREATE FUNCTION <s>timeline_append({_ARGUMENTS},
        OUT positions bigint[], OUT versions integer[], OUT digests bytea[], OUT recorded bigint
    ) LANGUAGE plpgsql SECURITY DEFINER {_SAFE}
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
    DECLARE
        at_position bigint;
        at_digest bytea;
        at_version integer;
        last_type text;
        type_ids integer[] := '{{}}';
        event record;
    BEGIN
        SELECT h.position, h.digest, h.recorded_at INTO at_position, at_digest, recorded
        FROM <s>timeline_head AS h WHERE h.id = 1 FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the row of `timeline_head` is gone; restore it from a backup';
        END IF;
        positions := '{{}}'; versions := '{{}}'; digests := '{{}}';
        IF cardinality(ids) = 0 THEN
            RETURN;
        END IF;
        SELECT e.version, t.name INTO at_version, last_type
        FROM <s>timeline_events AS e JOIN <s>timeline_types AS t ON t.id = e.type
        WHERE e.stream = streams[1] ORDER BY e.version DESC LIMIT 1;
        at_version := coalesce(at_version, 0);
        IF last_type = 'StreamClosed' OR (expected = -1 AND at_version = 0)
            OR (expected >= 0 AND expected <> at_version)
        THEN
            RETURN;
        END IF;
        IF session_user <> current_user THEN
            recorded_at := least(
                recorded_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            );
        END IF;
        recorded := greatest(recorded, recorded_at);
        INSERT INTO <s>timeline_types (id, name, version)
        SELECT (SELECT coalesce(max(t.id), 0) FROM <s>timeline_types AS t) + row_number() OVER (),
            new.name, new.version
        FROM (
            SELECT DISTINCT g.name, g.version FROM unnest(types, type_versions) AS g(name, version)
            WHERE NOT EXISTS (
                SELECT 1 FROM <s>timeline_types AS t
                WHERE t.name = g.name AND t.version = g.version
            )
        ) AS new;
        FOR event IN
            SELECT t.id AS type_id,
                ((
                    SELECT coalesce(max(e.version), 0) FROM <s>timeline_events AS e
                    WHERE e.stream = g.stream
                ) + row_number() OVER (PARTITION BY g.stream ORDER BY g.n))::integer AS version,
                '\\x003d'::bytea || convert_to(g.id, 'UTF8')
                || '\\x003d'::bytea || convert_to(g.stream, 'UTF8')
                || '\\x003d'::bytea || convert_to(g.type, 'UTF8')
                || '\\x003d'::bytea || convert_to(g.type_version::text, 'UTF8')
                || coalesce('\\x003d'::bytea || convert_to(g.occurred, 'UTF8'), '\\x00'::bytea)
                || coalesce(
                    '\\x003d'::bytea || convert_to(<s>timeline_text(g.occurred_from), 'UTF8'),
                    '\\x00'::bytea
                )
                || coalesce(
                    '\\x003d'::bytea || convert_to(<s>timeline_text(g.occurred_to), 'UTF8'),
                    '\\x00'::bytea
                )
                || '\\x003d'::bytea || convert_to(<s>timeline_text(recorded), 'UTF8')
                || sha256(
                    g.salt || convert_to(g.evidence, 'UTF8')
                    || '\\x00'::bytea || convert_to(g.data, 'UTF8')
                    || coalesce('\\x00'::bytea || convert_to(g.metadata, 'UTF8'), ''::bytea)
                ) AS covered
            FROM unnest(
                ids, streams, types, type_versions, occurred, occurred_from, occurred_to,
                evidence, data, metadata, salts
            ) WITH ORDINALITY AS g(
                id, stream, type, type_version, occurred, occurred_from, occurred_to,
                evidence, data, metadata, salt, n
            ) LEFT JOIN <s>timeline_types AS t ON t.name = g.type AND t.version = g.type_version
            ORDER BY g.n
        LOOP
            at_position := at_position + 1;
            at_digest := sha256(
                at_digest
                || '\\x003d'::bytea || convert_to(at_position::text, 'UTF8')
                || '\\x003d'::bytea || convert_to(event.version::text, 'UTF8')
                || event.covered
            );
            positions := positions || at_position;
            versions := versions || event.version;
            type_ids := type_ids || event.type_id;
            digests := digests || at_digest;
        END LOOP;
        INSERT INTO <s>timeline_events (
            position, event_id, stream, version, type, occurred, occurred_from, occurred_to,
            recorded_at, evidence, data, metadata, salt, digest
        ) SELECT g.position, g.id, g.stream, g.version, g.type, g.occurred, g.occurred_from,
            g.occurred_to, recorded, g.evidence, g.data, g.metadata, g.salt, g.digest
        FROM unnest(
            positions, ids, streams, versions, type_ids, occurred, occurred_from, occurred_to,
            evidence, data, metadata, salts, digests
        ) AS g(
            position, id, stream, version, type, occurred, occurred_from, occurred_to,
            evidence, data, metadata, salt, digest
        );
        UPDATE <s>timeline_head SET position = at_position, digest = at_digest,
            recorded_at = recorded WHERE id = 1;
    END $$
    """,
    # For one append in one statement. While it holds the head it waits neither for the client nor
    # for the disk, so several writers hardly wait for each other.
    """
    CREATE PROCEDURE <s>timeline_append_now(
        id text, stream text, type text, type_version integer, occurred text, occurred_from bigint,
        occurred_to bigint, evidence text, data text, metadata text, salt bytea, expected integer,
        recorded_at bigint, INOUT at_position bigint, INOUT at_version integer,
        INOUT at_digest bytea, INOUT recorded bigint
    ) LANGUAGE plpgsql AS $$
    BEGIN
        SET LOCAL synchronous_commit TO off;
        SELECT made.positions[1], made.versions[1], made.digests[1], made.recorded
        INTO at_position, at_version, at_digest, recorded FROM <s>timeline_append(
            ARRAY[id], ARRAY[stream], ARRAY[type], ARRAY[type_version], ARRAY[occurred],
            ARRAY[occurred_from], ARRAY[occurred_to], ARRAY[evidence], ARRAY[data],
            ARRAY[metadata], ARRAY[salt], expected, recorded_at
        ) AS made;
        COMMIT;
        -- Commits again, and so waits for the disk, now that the head is free for others.
        PERFORM pg_catalog.pg_logical_emit_message(true, 'timeline', '');
    END $$
    """,
    "REVOKE ALL ON FUNCTION <s>timeline_append FROM PUBLIC",
    "REVOKE ALL ON PROCEDURE <s>timeline_append_now FROM PUBLIC",
)
