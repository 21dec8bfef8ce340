"""A newsroom's chronology: claims from a workbook, as a page and as a table for the editor.

python newsroom.py claims.xlsx out/
"""

import sys
from pathlib import Path

from timeline import Timeline


def chronology(workbook: Path, folder: Path) -> None:
    """Record the workbook, and write what happened, in order of time."""
    folder.mkdir(exist_ok=True)
    with Timeline.open(folder / "newsroom.db") as record:
        done = record.ingest(workbook)
        print(f"{done.added} events added")
        for warning in record.check():
            print("look at:", warning)
        report = record.chronology()
        (folder / "chronology.html").write_text(report.to_html(), encoding="utf-8")
        (folder / "chronology.csv").write_text(report.to_csv(), encoding="utf-8")
        for line in report.happenings[:3]:
            print(line.occurred, line.what)


if __name__ == "__main__":
    chronology(Path(sys.argv[1]), Path(sys.argv[2]))
