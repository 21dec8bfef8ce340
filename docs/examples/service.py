"""A service that records claims, and a mailer that hears of each of them once.

TIMELINE_URL=record.db uvicorn service:app     # pip install fastapi uvicorn
TIMELINE_URL=record.db python service.py       # the mailer, beside it
"""

import os
from typing import Any

from fastapi import FastAPI, HTTPException

from timeline import InvalidInput, StatementMade, Timeline
from timeline.log.query import Query

record = Timeline.open(os.environ["TIMELINE_URL"])
app = FastAPI()


@app.post("/claims", status_code=201)
def claim(said: dict[str, Any]) -> dict[str, str]:
    """Record that somebody said something; sent again, it is not recorded again."""
    try:
        recorded = record.say(said.pop("by"), said.pop("text"), create=True, **said)
    except (InvalidInput, KeyError, TypeError) as error:
        raise HTTPException(422, str(error)) from error
    return {"id": recorded.id}


@app.get("/positions/{initiative}")
def positions(initiative: str) -> dict[str, Any]:
    """Where the parties stand."""
    return record.positions(initiative).to_dict()


def mail(send: Any = print) -> None:
    """Send a line of each new statement. The place moves on only when all of a batch is sent."""
    with record.store.batch("mailer", Query([StatementMade])) as batch:
        for new in batch.events:
            send(f"{new.event.speaker}: {new.event.text}")


if __name__ == "__main__":
    for _ in record.store.follow():
        mail()
