"""ICEWS: rows of the Integrated Crisis Early Warning System, coded by machine, 1995 to 2023.

A file is text in UTF-8, a row a line, fields between tabs, with the names of the fields on the
first line (https://doi.org/10.7910/DVN/28075). `NA` or nothing stands for what is not known. An
event id is unique among those of its day only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from operator import itemgetter

from timeline.events.actors import Kind
from timeline.formats.coded import fields
from timeline.formats.coded.events import CodedRow, Party, Story

_COLUMNS = (
    *("Event ID", "Event Date"),
    *("Source Name", "Source Sectors", "Source Country"),
    *("CAMEO Code", "Intensity"),
    *("Target Name", "Target Sectors", "Target Country"),
    *("Story ID", "Sentence Number", "Publisher"),
    *("City", "District", "Province", "Country", "Latitude", "Longitude"),
)
"""The fields that are read, in the order in which `_row` takes them."""

_OF_PERSONS = frozenset({"Cabinet", "Elite", "Executive Office"})
_OF_BODIES = frozenset(
    {
        "Business",
        "Insurgents",
        "International Insurgents",
        "Multinational Corporation",
        "News",
        "Organized Violent",
        "Separatists",
        "State Media",
        "Unions",
    }
)
_OF_BODIES_TOO = (" Business", " Entertainment", " NGOs", " News")
"""How further sectors of bodies end: `Print News`, `Transportation Business`."""

_OF_EITHER = frozenset(
    {
        "Dissident",
        "Entertainment",
        "Executive",
        "Government",
        "Information / Communication / Transparency Ministry",
        "International Dissident",
        "Media",
        "Nongovernmental Organization (International)",
        "Nongovernmental Organizations / Activists",
        "Radicals / Extremists / Fundamentalists",
        "International Radicals / Extremists / Fundamentalists",
        "Social",
        # What they believe.
        *("Communist", "Far Left", "Far Right", "Fundamentalist", "Ideological", "Nationalist"),
        *("International Religious", "National Religious", "Religious"),
        *(
            "Buddhist",
            "Catholic",
            "Christian",
            "Hindu",
            "Jewish",
            "Muslim",
            "Shia",
            "Sikh",
            "Sunni",
        ),
    }
)
"""What both bodies and persons have beside others; of spokespeople `Media` is one."""

_GROUP = re.compile(r".\(.{4,}\)\Z|Unidentified |Unspecified ")


def row_reader(header: str) -> Callable[[str], CodedRow]:
    """What makes rows of the lines below this first one.

    Raises:
        ValueError: it does not name the fields of ICEWS.
    """
    titles = [_unquoted(title) for title in header.removeprefix("\ufeff").split("\t")]
    missing = [column for column in _COLUMNS if column not in titles]
    if missing:
        raise ValueError(f"{_layout(titles)}. {missing[0]!r} is not among the names")
    wanted = itemgetter(*map(titles.index, _COLUMNS))

    def read(line: str) -> CodedRow:
        values = line.split("\t")
        if len(values) != len(titles):
            raise ValueError(f"expected {len(titles)} fields; found {len(values)}")
        if '"' in line:
            values = [_unquoted(value) for value in values]
        return _row(wanted(values))

    return read


def _layout(titles: list[str]) -> str:
    """What a file with such names of fields is."""
    if "Event Text" in titles and "CAMEO Code" not in titles:
        return "this is ICEWS without codes: expected a release with the field 'CAMEO Code'"
    if "Event Type" in titles and "Actor Name" in titles:
        return "this is POLECAT, coded with PLOVER: expected ICEWS, coded with CAMEO"
    if len(titles) == 61:
        return "this is GDELT 2.0: expected ICEWS. Use --from gdelt"
    return "expected the names of ICEWS's fields between tabs"


def _unquoted(value: str) -> str:
    """The value without the quotation marks that some copies of the files have around text."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace('""', '"')
    return value


def _row(values: Sequence[str]) -> CodedRow:
    id, date, *source, code, intensity = values[:7]
    *target, key, sentence, publisher = values[7:13]
    *place, latitude, longitude = values[13:]
    day = fields.day(date, "Event Date")
    key, publisher = fields.mark(key, "Story ID"), fields.required(publisher, "Publisher")
    story = Story(
        key=key,
        source=f"icews-{fields.slugs(publisher)[0]}-{key}",
        publisher=publisher,
        title=f"Story {key} of {publisher}",
        address=None,
        # The file dates events and not stories; what is coded is news of the day.
        published=f"{day}~",
        retrieved=None,
    )
    return CodedRow(
        dataset="icews",
        row=fields.mark(id, "Event ID"),
        day=day,
        actor=_party("Source", *source),
        target=_party("Target", *target),
        code=fields.code(code, "CAMEO Code"),
        intensity=fields.number(intensity, "Intensity", -10, 10),
        story=story,
        sentence=fields.mark(sentence, "Sentence Number"),
        place=_place(*place),
        latitude=fields.number(latitude, "Latitude", -90, 90),
        longitude=fields.number(longitude, "Longitude", -180, 180),
    )


@functools.lru_cache(fields.KNOWN)
def _place(*parts: str) -> str | None:
    """Where an event is placed, by city, district, province and country."""
    return ", ".join(dict.fromkeys(filter(None, map(fields.text, parts)))) or None


@functools.lru_cache(fields.KNOWN)
def _party(side: str, given: str, sectors: str, country: str) -> Party | None:
    name = fields.name(given, f"{side} Name")
    if name is None:
        return None
    of = frozenset((fields.text(sectors) or "").split(",")) - fields.MISSING
    return Party(name, _kind(name, of, fields.text(country) or ""))


def _kind(name: str, sectors: frozenset[str], country: str) -> Kind:
    """What sort of actor it is, as far as can be told; `docs/howto/coded-data.md` says how."""
    if not sectors and _is_state(fields.canonical(name), fields.canonical(country)):
        return "state"
    if _GROUP.search(name) or not (sectors or country):
        return "unnamed"
    if fields.is_of_a_body(name):
        return "organisation"
    several = " " in name or "." in name
    if sectors & _OF_PERSONS or (several and not _are_of_a_body(sectors)):
        return "person"
    return "organisation" if sectors else "unnamed"


def _are_of_a_body(sectors: frozenset[str]) -> bool:
    """Whether all that is said of it can be said of a body, and some of it of nothing else.

    One sector does not tell: politicians have those of their party, courts, press and charities.
    """
    bodies = {
        sector for sector in sectors if sector in _OF_BODIES or sector.endswith(_OF_BODIES_TOO)
    }
    return bool(bodies) and sectors <= bodies | _OF_EITHER


def _is_state(name: str, country: str) -> bool:
    """Whether a name is that of the country, or as good as: `Westland`, `Westlandish Republic`."""
    of_country = country.split()
    return name == country or any(
        len(word) > 3 and any(other.startswith(word) for other in of_country)
        for word in name.split()
    )
