"""A second opinion on coded event data: the same counts, by another way than the package's.

It reads files with `csv` and counts with dicts, and uses nothing of `timeline` but its table of
countries. What becomes of a code is written down again, as ranges. `scripts/ingest-check` holds
files of one's own against it.
"""

import csv
import datetime
import gzip
import io
import re
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent

csv.field_size_limit(10_000_000)

MUTUAL = {
    *("030", "031", "0311", "0312", "0313", "0314", "032", "036", "037"),
    *("040", "041", "042", "043", "044", "045", "046"),
    *("050", "057", "060", "061", "062", "063", "0871"),
}
DONE_NOT_SAID = {"017", "050", "054", "115", "116", "128"}


class Row(NamedTuple):
    id: str
    day: str
    who: str
    whom: str
    code: str
    story: str


SINGLE = {"036": "announced", "057": "adopted", "080": "accepted"}
FAMILIES = {2: "proposal", 3: "proposal", 4: "held", 8: "conduct", 12: "rejected"}
SPOKEN = {1, 5, 10, 11, 13}


def becomes(code: str) -> str:
    family = int(code[:2])
    if code in DONE_NOT_SAID:
        return "conduct"
    if code.startswith("083"):
        return "accepted"
    otherwise = "statement" if family in SPOKEN else "conduct"
    return SINGLE.get(code) or FAMILIES.get(family, otherwise)


def plain(name: str) -> str:
    """One form for all spellings of a name."""
    name = unicodedata.normalize("NFKC", name).casefold()
    return "" if name in {"na", "null"} else " ".join(name.split())


def text_of(path: Path) -> io.StringIO:
    data = path.read_bytes()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read(archive.namelist()[0])
    elif data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return io.StringIO(data.decode(), newline="")


def icews(path: Path) -> Iterator[Row]:
    for row in csv.DictReader(text_of(path), delimiter="\t", quoting=csv.QUOTE_NONE):
        yield Row(
            row["Event ID"],
            row["Event Date"],
            plain(row["Source Name"]),
            plain(row["Target Name"]),
            row["CAMEO Code"],
            f"{row['Story ID']} {row['Sentence Number']}",
        )


COUNTRIES: dict[tuple[str, str], str] = {}
for line in (
    (ROOT / "timeline/formats/coded/countries.txt").read_text(encoding="utf-8").splitlines()
):
    if not line.startswith("#"):
        codes, names = line.split(maxsplit=1)
        first, *_ = called = names.split("; ")
        for code, name in product(codes.split(","), called):
            COUNTRIES[code, plain(name).rstrip("s")] = plain(first)


def gdelt(path: Path) -> Iterator[Row]:
    def actor(code: str, name: str, country: str) -> str:
        if not (code or name):
            return ""
        short = re.sub("^(the|an?) ", "", plain(name or code)).rstrip("s")
        of_country = COUNTRIES.get((code, short)) if code == country else None
        return of_country or plain(f"{name or code} ({code})" if code else name)

    for row in csv.reader(text_of(path), delimiter="\t", quoting=csv.QUOTE_NONE):
        day = f"{row[1][:4]}-{row[1][4:6]}-{row[1][6:]}"
        who, whom = actor(*row[5:8]), actor(*row[15:18])
        yield Row(row[0], day, who, whom, row[26], row[60])


FORMATS = {"icews": icews, "gdelt": gdelt}


class Opinion(NamedTuple):
    """What should come out: rows by fate and code, and the answers of the reports."""

    fates: dict[str, Counter[str]]
    encounters: Counter[tuple[str, str]]
    statements: Counter[tuple[str, str]]
    plans: int
    followed: int

    def total(self, fate: str) -> int:
        return sum(fates[fate] for fates in self.fates.values())


def opinion(rows: Iterable[Row], *, conduct: bool = True, days: int = 30) -> Opinion:
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    groups: dict[Any, list[Row]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    for row in rows:
        kind = becomes(row.code)
        if (row.id, row.day) in seen:
            fates[row.code]["repeated"] += 1
            continue
        seen.add((row.id, row.day))
        alone = kind in {"announced", "held", "adopted"} and row.whom in {"", row.who}
        if alone or not row.who or (kind == "conduct" and not conduct):
            fates[row.code]["left_out"] += 1
        elif row.code in {"042", "043"}:
            visitor, host = (row.who, row.whom) if row.code == "042" else (row.whom, row.who)
            groups[row.day, row.story, "visit", visitor, host].append(row)
        elif row.code in MUTUAL:
            groups[row.day, row.story, row.code, frozenset((row.who, row.whom))].append(row)
        else:
            groups[row.day, row.id].append(row)
    for found in groups.values():
        first, *others = sorted(found, key=lambda row: row.id)
        fates[first.code]["events"] += 1
        for row in others:
            fates[row.code]["folded"] += 1
    firsts = [min(found, key=lambda row: row.id) for found in groups.values()]
    return _answers(fates, firsts, days)


def _answers(fates: dict[str, Counter[str]], firsts: list[Row], days: int) -> Opinion:
    encounters: Counter[tuple[str, str]] = Counter()
    statements: Counter[tuple[str, str]] = Counter()
    met: dict[frozenset[str], list[datetime.date]] = defaultdict(list)
    plans: set[tuple[frozenset[str], datetime.date]] = set()
    for row in firsts:
        pair, day = frozenset((row.who, row.whom)) - {""}, datetime.date.fromisoformat(row.day)
        kind = becomes(row.code)
        if kind == "statement":
            statements[row.who, row.day[:7]] += 1
        elif kind == "held" and len(pair) == 2:
            met[pair].append(day)
            encounters.update(combinations(sorted(pair), 2))
        elif kind == "announced" and len(pair) == 2:
            plans.add((pair, day))
    followed = sum(
        any(0 <= (held - said).days <= days for held in met.get(pair, [])) for pair, said in plans
    )
    return Opinion(fates, encounters, statements, len(plans), followed)
