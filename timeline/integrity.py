"""Digests: what makes a change to the log show.

Two SHA-256 digests stand behind each event. That of its body covers the salt, then `evidence` and
`data` as UTF-8, joined by a NUL byte. That of the event covers the digest of the event before it,
then the columns of `ENVELOPE` as text, each behind a NUL byte (null is the empty string, any other
value has `=` before it), then the digest of the body. Before the first event stand 32 zero bytes.

No column can hold a NUL byte (PostgreSQL refuses it, and so does the store), so no two events share
an input. The body has a digest and a random salt of its own so that a takedown can remove the words
and leave the chain whole: what remains does not let anyone test guesses of what was said.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

GENESIS = bytes(32)
"""The digest before the first event."""

ENVELOPE = (
    "position",
    "event_id",
    "stream",
    "version",
    "type",
    "type_version",
    "occurred",
    "occurred_from",
    "occurred_to",
    "recorded_at",
)
"""The columns covered beside the body: all but the digests themselves."""


def new_salt() -> bytes:
    """Sixteen random bytes for the body of one event."""
    return secrets.token_bytes(16)


def body_digest(salt: bytes, evidence: str, data: str) -> bytes:
    """The digest of an event's body: its evidence and its own fields, as stored."""
    return hashlib.sha256(b"%b%b\0%b" % (salt, evidence.encode(), data.encode())).digest()


def event_digest(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The digest of the event stored as `row`, which follows one with the digest `previous`."""
    if row["data"] is None:
        body = row["redacted"]
    else:
        body = body_digest(row["salt"], row["evidence"], row["data"])
    values = (row[column] for column in ENVELOPE)
    text = "".join("\0" if value is None else f"\0={value}" for value in values)
    return hashlib.sha256(previous + text.encode() + body).digest()
