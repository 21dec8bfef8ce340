"""Holds an ingest of coded event data against an independent count; see `scripts/ingest-check`.

Fails where the two differ: in what became of the rows of a code, in who met whom and how often, in
statements by actor and month, in plans to meet that were followed by a meeting; where a second
ingest adds anything; and where the log does not verify.
"""

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import servers
from independent import FORMATS, Opinion, becomes, opinion, plain

from timeline import Timeline
from timeline.formats import Ingested


@contextlib.contextmanager
def database(given: argparse.Namespace) -> Iterator[str]:
    """The database named, or an empty one."""
    if given.url:
        yield given.url
    elif given.postgresql:
        with servers.postgres_server() as server:
            yield server.create_database()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/check.db"


def differences(account: Ingested, expected: Opinion) -> Iterator[str]:
    """Where the account of the rows is another."""
    lines = {line.code: line for line in account.codes}
    for code in sorted(lines.keys() | expected.fates.keys()):
        line, counts = lines.get(code), expected.fates[code]
        for fate in ("events", "folded", "left_out", "repeated"):
            ours = getattr(line, fate) if line else 0
            if ours != counts[fate]:
                yield f"code {code}, {fate}: {ours}, expected {counts[fate]}"
        if line and line.becomes != becomes(code):
            yield f"code {code} becomes {line.becomes}, expected {becomes(code)}"
    accounted = (account.events, account.folded, account.further, account.repeated)
    if account.rows != sum(accounted) + account.left_out + account.bad:
        yield "the account does not add up"


def wrong_answers(timeline: Timeline, expected: Opinion) -> Iterator[str]:
    """Where reports say otherwise."""
    met: Counter[tuple[str, str]] = Counter()
    for pair in timeline.encounters(top=None).encounters:
        one, other = sorted((plain(pair.one.name), plain(pair.other.name)))
        met[one, other] += pair.meetings.count
    if met != expected.encounters:
        yield f"who met whom: {first_of(met, expected.encounters)}"
    said: Counter[tuple[str, str]] = Counter()
    for line in timeline.statement_counts(top=None).months:
        said[plain(line.speaker.name), line.month] += line.statements.count
    if said != expected.statements:
        yield f"statements by month: {first_of(said, expected.statements)}"
    followed = timeline.follow_ups()
    plans = sum(followed.counts.values())
    if (plans, followed.counts["met"]) != (expected.plans, expected.followed):
        yield (
            f"plans: {plans}, {followed.counts['met']} followed; "
            f"expected {expected.plans}, {expected.followed}"
        )


def first_of(found: Counter[tuple[str, str]], expected: Counter[tuple[str, str]]) -> str:
    """The first difference between two counts."""
    key = min(key for key in found | expected if found[key] != expected[key])
    return f"{key}: {found[key]}, expected {expected[key]}"


def check(given: argparse.Namespace, url: str) -> list[str]:
    """Ingest twice, print what became of the rows, and give what is wrong."""
    rows = (row for file in given.files for row in FORMATS[given.format](file))
    expected = opinion(rows, conduct=not given.no_conduct)
    with Timeline.open(url) as timeline:
        empty = timeline.store.head().position == 0
        options = {"dataset": given.format, "conduct": not given.no_conduct}
        account = timeline.ingest_coded(*given.files, **options)
        again = timeline.ingest_coded(*given.files, **options)
        problems = list(differences(account, expected)) if empty else []
        if again.added or again.events or again.repeated + again.left_out != account.rows:
            problems.append(f"the second ingest did something: {again}")
        if empty:
            problems += wrong_answers(timeline, expected)
        end = timeline.verify().position
    print(
        f"{account.rows:,} rows: {account.events:,} events, {account.folded:,} folded, "
        f"{account.left_out:,} left out, {account.repeated:,} repeated, {account.bad:,} bad; "
        f"{account.actors:,} actors, {account.sources:,} sources; "
        f"{again.added} added by a second ingest; {end:,} events verified."
    )
    print(
        f"{len(expected.encounters):,} pairs met, {expected.encounters.total():,} times; "
        f"{expected.statements.total():,} statements in {len(expected.statements):,} months of "
        f"actors; {expected.plans:,} plans of two to meet, {expected.followed:,} followed."
    )
    return problems


def main() -> None:
    """Read the arguments, and check."""
    parser = argparse.ArgumentParser(description="Checks an ingest of coded event data.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--format", choices=sorted(FORMATS), required=True)
    parser.add_argument("--no-conduct", action="store_true")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="of a database; answers are checked if it is empty")
    where.add_argument("--postgresql", action="store_true", help="on a private server")
    given = parser.parse_args()
    with database(given) as url:
        problems = check(given, url)
    print("\n".join(problems) or "As by the independent count.")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
