"""The first file of a record: an example to write over, and the schema that editors check it by."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from timeline.errors import InvalidInput
from timeline.events.base import SLUG

SCHEMA = "timeline.schema.json"

_LONGEST_NAME = 80
"""Ids of the example begin with it, and may be longer by some words."""


def start(name: str, folder: str | os.PathLike[str], schema: dict[str, Any]) -> Path:
    """Write `NAME.yaml` into a folder, which is made if need be, and the schema beside it.

    Raises:
        InvalidInput: the name cannot be a record's, there is such a file, or none can be written.
    """
    if not re.match(SLUG, name) or len(name) > _LONGEST_NAME or name in {"actor", "source"}:
        raise InvalidInput(
            f"expected a name of lower-case letters and digits joined by hyphens, such as harbour; "
            f"found {name!r:.100}"
        )
    file = Path(folder) / f"{name}.yaml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(_EXAMPLE.replace("NAME", name).replace("SCHEMA", SCHEMA))
        if not (file.parent / SCHEMA).exists():
            text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
            (file.parent / SCHEMA).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise InvalidInput(f"{file} is there already, and stays as it is. Name another") from None
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None
    return file


_EXAMPLE = """\
# yaml-language-server: $schema=SCHEMA
#
# A record file: what sources report, an entry an event. Write over what is here. Recorded with
#
#     timeline ingest NAME.yaml
#
# all of it or, on any error, nothing. Add to it and ingest it again: what is there stays, and only
# what is new is added. What was recorded never changes: correct it by an EventCorrected.
#
# Everything is text, so dates need no quotes. Ids are lower-case letters, digits and hyphens.
# Texts are in your own words; only `excerpt` and `quotes` hold the source's.
record: NAME                    # the ids of the events below begin with it: NAME/idea-floated

# Whoever speaks, meets, proposes or publishes.
actors:
  - {id: northland, kind: state, name: Northland}
  - {id: southland, kind: state, name: Southland, aliases: [Südland]}   # spellings found in sources
  - {id: ada-minister, kind: person, name: Ada Minister}
  - {id: the-gazette, kind: organisation, name: The Gazette}

# What was read.
sources:
  - id: gazette-0412
    publisher: the-gazette
    title: A harbour for two
    address: https://gazette.example/harbour
    language: en
    published: 2024-04-12
    retrieved: 2024-04-15       # when you read it

events:
  # Who holds which office decides for whom they speak.
  - id: minister-of-northland
    type: RoleReported
    evidence: {source: gazette-0412, at: paragraph 1}
    actor: ada-minister
    role: minister of ports
    of: northland
    since: 2023

  # A proposal, and all that follows it, is an initiative: `timeline report initiative`.
  - id: idea-floated
    type: ProposalMade
    occurred: 2024-04~          # as precisely as the source has it: a month, and only about
    evidence:
      source: gazette-0412
      at: paragraph 3
      excerpt: a harbour for both
      # From the publisher back to whoever it began with.
      chain: [the-gazette, {who: ada-minister, manner: quoted, capacity: minister of ports}]
    proposal: NAME-initiative
    title: A joint harbour
    by: ada-minister
    parties: [northland, southland]
    firmness: floated
    text: A harbour to be built and run by both.

  # What somebody says of another's position is imputed to it, and shown apart from its own.
  - id: minister-on-southland
    type: StatementMade
    occurred: 2024-04-11
    evidence: {source: gazette-0412, at: paragraph 5, chain: [the-gazette, ada-minister]}
    speaker: ada-minister
    about: [NAME-initiative]
    text: Northland is ready, and Southland is interested, as the minister has it.
    positions:
      - {party: northland, stance: favourable}
      - {party: southland, stance: favourable}

  # A meeting that is to come; when it has been held, add a MeetingHeld of the same `meeting`.
  - id: talks-announced
    type: MeetingAnnounced
    occurred: 2024-04-11        # when it was said
    evidence: {source: gazette-0412, at: paragraph 6}
    meeting: NAME-talks
    title: Talks on the harbour
    form: talks
    planned: 2024-06            # when it is to be
    firmness: intended
    about: [NAME-initiative]
    attendance:
      - {actor: ada-minister, status: expected, represents: northland}
      - {actor: southland, status: invited}
"""
