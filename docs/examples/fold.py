"""Who was quoted how often, counted by Dask workers: a projection of your own that splits.

python fold.py record.db [tcp://scheduler:8786]
"""

import sys
from typing import Annotated

from timeline import (
    Projection,
    RecordedEvent,
    Rows,
    StatementMade,
    Subject,
    Timeline,
    changed,
    on,
    row,
)


@row("speakers", key=("speaker",))
class Speaker:
    """How many statements an actor made."""

    speaker: Annotated[str, Subject("actor", "speaker")]
    statements: int


class Speakers(Projection):
    """Counts statements by speaker; each worker folds some of the speakers."""

    name, rows, split_by = "speakers", (Speaker,), "speaker"

    @on(StatementMade)
    def said(self, rows: Rows, recorded: RecordedEvent[StatementMade]) -> None:
        """Count one more."""
        known = rows.get(Speaker, recorded.event.speaker) or Speaker(recorded.event.speaker, 0)
        rows.put(changed(known, statements=known.statements + 1))


def fold(url: str, scheduler: str | None = None) -> list[Speaker]:
    """The rows, most quoted first; without a scheduler two processes are started for it."""
    with Timeline.open(url, projections=[Speakers()]) as record:
        record.rebuild("speakers", on=scheduler, workers=None if scheduler else 2)
        with record.view() as view:
            found = view.all(Speaker)
            return sorted(found, key=lambda speaker: (-speaker.statements, speaker.speaker))


if __name__ == "__main__":
    for speaker in fold(*sys.argv[1:])[:10]:
        print(speaker.statements, speaker.speaker)
