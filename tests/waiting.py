"""Waits of tests: for a condition, however long a busy machine takes to bring it about."""

import math
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

FOREVER = math.inf
"""The timeout for what must be given one: `faulthandler_timeout` shows where a test hangs."""


def until(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds; returns its value."""
    while not (value := condition()):
        time.sleep(0.005)  # leaves the processor to what is waited for
    return value


def waiting_for_a_lock(engine: sa.Engine) -> int | None:
    """A process of PostgreSQL that waits for a lock in this database, if there is one."""
    query = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar()
