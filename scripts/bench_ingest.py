"""Rows in the shape of ICEWS for `scripts/bench ingest`: as many as are asked for, all invented.

Codes come in the proportions of a day of June 2018, many rows mirror another, a story has two
rows, a day some two thousand, and few actors act often, many once.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

FIELDS = (
    "Event ID", "Event Date", "Source Name", "Source Sectors", "Source Country", "Event Text",
    "CAMEO Code", "Intensity", "Target Name", "Target Sectors", "Target Country", "Story ID",
    "Sentence Number", "Publisher", "City", "District", "Province", "Country", "Latitude",
    "Longitude",
)  # fmt: skip

MIRRORED = {"040": 246, "042": 148, "046": 60, "057": 28, "030": 42, "050": 26, "036": 54}
ALONE = {"010": 528, "036": 187, "173": 244, "020": 170, "051": 139, "112": 126, "111": 104,
         "141": 104, "193": 71, "180": 68, "032": 67, "190": 66, "100": 52, "120": 40}  # fmt: skip
ALL = MIRRORED | ALONE
OTHER_SIDE = {"042": "043"}

_A_DAY = 1_850
_COUNTRIES = 150
_SECTORS = "Government,Executive,Foreign Ministry"


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """So many rows."""
    chance = random.Random(1)
    codes, weights = zip(*ALL.items(), strict=True)
    written = 0
    story = 0
    while written < count:
        story += chance.random() < 0.8
        day = (date(2001, 1, 1) + timedelta(days=written // _A_DAY)).isoformat()
        one, other = _actor(chance), _actor(chance)
        code = chance.choices(codes, weights)[0]
        mirrored = code in MIRRORED and (code != "036" or chance.random() < 0.4)
        told = str(40_000_000 + story), str(chance.randint(1, 6)), f"Daily {story % 300}"
        sides = [(one, code, other), (other, OTHER_SIDE.get(code, code), one)]
        for source, its_code, target in sides[: 1 + mirrored]:
            written += 1
            place = ("Port", "NA", "Coast", one[2], "54.5", "-3.25")
            id = str(30_000_000 + written)
            yield id, day, *source, "as coded", its_code, "1", *target, *told, *place


def _actor(chance: random.Random) -> tuple[str, str, str]:
    rank = int(chance.paretovariate(0.6))
    country = f"Country {chr(65 + rank % 26)}{rank % _COUNTRIES}"
    if rank < _COUNTRIES:
        return country, "NA", country
    return f"Person {rank % 90_000} of {country}", _SECTORS, country


def write(path: Path, count: int) -> None:
    """A file of so many rows."""
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(FIELDS) + "\n")
        file.writelines("\t".join(row) + "\n" for row in rows(count))
