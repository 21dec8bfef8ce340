"""Whether tables, triggers, functions and the view of the log are those that were made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from timeline.log import database
from timeline.log.schema import checkpoints, events, metadata, subscriptions

_MADE = {
    "sqlite": {
        "index ix_timeline_events_type_position": "e3f75da37547",
        "table timeline_checkpoints": "30084c850482",
        "table timeline_events": "e6e3a20b7847",
        "table timeline_subscriptions": "eaeb2e9a94b7",
        "table timeline_texts": "02c4b4229008",
        "table timeline_types": "39ba52a507e6",
        "trigger timeline_keep_delete": "341703ba28c3",
        "trigger timeline_keep_insert": "cecae05003e7",
        "trigger timeline_keep_types_delete": "d8dc6738779d",
        "trigger timeline_keep_types_insert": "ec292b9be116",
        "trigger timeline_keep_types_update": "011431209e9c",
        "trigger timeline_keep_update": "4702690b2a62",
        "view log": "7e0399a97bc2",
    },
    "postgresql": {
        "function timeline_append": "f79592b842d6",
        "function timeline_append_now": "89e214d93856",
        "function timeline_refuse": "4b03ddaf4c8c",
        "function timeline_refuse_update": "dc562a87e40b",
        "function timeline_text": "86cc645b874f",
        "index ix_timeline_events_type_position": "7f17593c8cb4",
        "table timeline_checkpoints": "739dfdd06f01",
        "table timeline_events": "1591205cb153",
        "table timeline_head": "dcf22cf98c29",
        "table timeline_subscriptions": "efa46061a5b3",
        "table timeline_texts": "d261eac1fdfd",
        "table timeline_types": "4d79d072b202",
        "trigger timeline_keep_all": "4b5c3cebd069",
        "trigger timeline_keep_all_types": "17eff8526114",
        "trigger timeline_keep_delete": "c75829d217ec",
        "trigger timeline_keep_types": "c9e186f54e2f",
        "trigger timeline_keep_update": "771532954b81",
        "view log": "520b0532f748",
    },
}
"""A digest of each definition. A test has what is to stand here after a new migration."""

_REMEDY = (
    "compare the log with a seal or a backup; `timeline export log` and `timeline import` make a "
    "database of it in which all is as it was."
)

_ON_SQLITE = """
    SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL
    AND (lower(tbl_name) IN :tables OR name IN ('log', 'timeline_log'))
"""

_ON_POSTGRESQL = """
    WITH ours AS (
        SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = :schema AND (c.relname IN :tables OR c.relname IN ('log', 'timeline_log'))
    )
    SELECT 'table', o.relname, pg_catalog.concat(
        (
            SELECT pg_catalog.string_agg(pg_catalog.concat_ws(
                ' ', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
            ), ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
        ),
        (
            SELECT pg_catalog.string_agg(
                pg_catalog.pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname
            )
            FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid = o.oid AND k.contype IN ('p', 'u', 'c')
        )
    )
    FROM ours AS o WHERE o.relkind = 'r'
    UNION ALL
    SELECT 'view', o.relname, pg_catalog.pg_get_viewdef(o.oid) FROM ours AS o
    WHERE o.relkind = 'v'
    UNION ALL
    SELECT 'index', i.relname, pg_catalog.pg_get_indexdef(i.oid)
    FROM pg_catalog.pg_index AS x JOIN ours AS o ON o.oid = x.indrelid
    JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid WHERE NOT x.indisunique
    UNION ALL
    SELECT 'trigger', t.tgname, pg_catalog.concat(
        pg_catalog.pg_get_triggerdef(t.oid), CASE WHEN t.tgenabled IN ('D', 'R') THEN ' off' END
    )
    FROM pg_catalog.pg_trigger AS t JOIN ours AS o ON o.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'function', p.proname, pg_catalog.concat_ws(
        ' ', pg_catalog.pg_get_function_arguments(p.oid), p.prosrc, p.prosecdef, p.proconfig
    )
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = :schema AND p.proname LIKE 'timeline%'
"""


def definitions(connection: sa.Connection) -> dict[str, str]:
    """A digest of the definition of each thing of ours, by its kind and name."""
    engine = connection.engine
    on_postgresql = database.is_postgresql(engine)
    query = sa.text(_ON_POSTGRESQL if on_postgresql else _ON_SQLITE)
    query = query.bindparams(sa.bindparam("tables", expanding=True))
    given: dict[str, Any] = {"tables": [table.name for table in metadata.tables.values()]}
    if on_postgresql:
        given |= {"schema": database.schema_of(engine)}
    rows = [tuple(row) for row in connection.execute(query, given)]
    if ("view", "timeline_log") in [row[:2] for row in rows]:  # the host has a `log` of its own
        rows = [row for row in rows if row[1] != "log"]
    return {
        f"{kind} {'log' if name == 'timeline_log' else name}": _digest(text, engine)
        for kind, name, text in rows
    }


def _digest(text: str, engine: sa.Engine) -> str:
    """A digest in which neither the schema nor the layout of the text has a part."""
    plain = re.sub(r'[\s()"]+', "", text)
    plain = plain.replace(f"{database.schema_of(engine)}.timeline_", "timeline_")
    plain = plain.replace("CREATEVIEWtimeline_log", "CREATEVIEWlog")
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def problems(connection: sa.Connection) -> Iterator[str]:
    """What is wrong with the tables of the log and what guards them, and what to do about it."""
    there = definitions(connection)
    for what, made in _MADE[connection.dialect.name].items():
        if what not in there:
            yield f"the {what} of the log is gone: {_REMEDY}"
        elif there[what] != made:
            yield f"the {what} of the log is not the one that was made, or is off: {_REMEDY}"
    if _tables(connection) <= there.keys():
        yield from _beyond_the_end(connection)


def has_all_tables(connection: sa.Connection) -> bool:
    """Whether every table that the migrations make is there: else the log cannot be read."""
    return _tables(connection) <= definitions(connection).keys()


def _tables(connection: sa.Connection) -> set[str]:
    return {what for what in _MADE[connection.dialect.name] if what.startswith("table ")}


def _beyond_the_end(connection: sa.Connection) -> Iterator[str]:
    """Whether something has come further than the log: then its end was cut off."""
    end = connection.scalar(sa.select(sa.func.max(events.c.position))) or 0
    for table, name in ((checkpoints, "projection"), (subscriptions, "name")):
        further = sa.select(table.c[name], table.c.position).where(table.c.position > end)
        for who, position in connection.execute(further.order_by(table.c.position.desc()).limit(1)):
            what = "projection" if name == "projection" else "subscription"
            yield (
                f"the log ends at {end}, and the {what} {who!r} has come to {position}: events "
                "were cut off. Do not append; restore the log from a backup."
            )
