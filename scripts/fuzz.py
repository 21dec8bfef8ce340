"""Damaged files and random command lines: no traceback, no hang, and nothing half-written.

Each input is drawn from the seed and its number, so that one can be made again: `--only NUMBER`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from timeline.cli import cli
from timeline.cli.reports import LateCommand

ROOT = Path(__file__).parents[1]
LONGEST = 120
"""Seconds after which an input hangs; the machine may be busy."""

RECORDS = sorted(ROOT.glob("fixtures/*/*.yaml"))
CODED = {
    "icews": ROOT / "fixtures/coded/icews.tab",
    "gdelt": ROOT / "fixtures/coded/gdelt.export.CSV",
}

HOSTILE = (
    *("", "-", "--", "\0", "\x1b[31m", "\u202e", "\ud800", "a" * 70_000, "é", "0", "-1"),
    *("9" * 30, "2024-13", "../..", "2022-11/..", "{}", "[[[[", "!!python/object:os.system x"),
    *("<<<<<<<", "&a [*a]", "%", "'", '"', "null", "true", "1e999", "NaN", "\\u0000"),
)

ENDLESS = {"run"}
"""Commands that go on until they are stopped."""

WORDS = (
    *("meetings", "statements", "gas-union", "informal-cis-summit-2022", "actor/kazakhstan"),
    *("json", "csv", "md", "html", "text", "xlsx", "all", "kept.jsonl", "kept", "out", "record.db"),
    *("kazakhstan", "StatementMade", "proposal-gas-union", "gas", "2022-11", "2022-12-02"),
    *("2022-11-01/2022-12", "1:ab", "339", "5", "recorded_by=ann", "in.yaml"),
)


class Hung(BaseException):
    """An input took too long."""


class Fuzz:
    """Inputs for one record, in a folder of its own.

    Args:
        folder: where to work.
        seed: what everything is drawn from.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.db = folder / "record.db"
        self.kinds: dict[str, Callable[[random.Random], None]] = {
            "record files": self.record_file,
            "coded files": self.coded_file,
            "logs": self.log,
            "archives": self.archive,
            "command lines": self.command_line,
        }
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self.refresh()

    def refresh(self) -> None:
        """Make the record again, and what was exported from it."""
        for name in ("record.db", "record.db-wal", "record.db-shm", "kept.jsonl"):
            (self.folder / name).unlink(missing_ok=True)
        for left in (*self.folder.glob("kept/*"), *self.folder.glob("out*/*")):
            if left.is_file():
                left.unlink()
        self.expect(0, "ingest", *map(str, RECORDS[1:3]))
        self.expect(0, "export", "log", "-o", "kept.jsonl")
        self.expect(0, "export", "sheet", "-o", "kept.xlsx")
        self.expect(0, "archive", "kept", "--rows-per-file", "40")

    def expect(self, code: int, *words: str) -> str:
        """Run a command that must end with this code; gives what it prints."""
        done = CliRunner().invoke(cli, ["--db", str(self.db), *words])
        assert done.exit_code == code, done.output
        return done.output

    def run(self, number: int) -> str:
        """One input; gives its kind.

        Raises:
            AssertionError: a traceback, a hang, or something half-written.
        """
        draw = random.Random(f"{self.seed}:{number}")
        kind = draw.choice([*self.kinds])
        self.kind = kind
        with limited():
            self.kinds[kind](draw)
        return kind

    def command(self, *words: str) -> int:
        """Run a command; it may fail, but only as commands fail."""
        done = CliRunner().invoke(cli, ["--db", str(self.db), *words])
        self.outcomes[self.kind, done.exit_code] += 1
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            if isinstance(done.exception, Hung):
                raise done.exception
            raise AssertionError("".join(traceback.format_exception(done.exception)))
        assert done.exit_code in (0, 1, 2), done.output
        assert "Traceback" not in done.output, done.output
        return int(done.exit_code)

    def whole_or_nothing(self, *words: str) -> None:
        """Run a command that writes to the record: on an error nothing is there that was not."""
        before = self.head()
        code = self.command(*words)
        assert code != 2, "the command line itself was refused, and no file was read"
        if code:
            assert self.head() == before, "an input that was refused was written"

    def head(self) -> str:
        """Where the log ends."""
        return self.expect(0, "seal")

    # The kinds

    def record_file(self, draw: random.Random) -> None:
        """A record file, or a workbook, with damages."""
        whole = draw.choice([*RECORDS, self.folder / "kept.xlsx"])
        path = self.folder / f"in{whole.suffix}"
        path.write_bytes(damaged(draw, whole.read_bytes()))
        self.whole_or_nothing(draw.choice(["ingest", "ingest", "check", "diff"]), path.name)

    def coded_file(self, draw: random.Random) -> None:
        """A file of coded data with damages."""
        dataset, path = draw.choice([*CODED.items()])
        lines = path.read_bytes().splitlines(keepends=True)
        chosen = b"".join([*lines[:1], *draw.sample(lines, min(len(lines), 5))])
        (self.folder / "in.tab").write_bytes(damaged(draw, chosen))
        more = draw.choice([(), ("--keep-going",), ("--no-conduct",)])
        self.whole_or_nothing("ingest", "--from", dataset, *more, "in.tab")

    def log(self, draw: random.Random) -> None:
        """An exported log with damages, into a record that has it, or an empty one."""
        (self.folder / "in.jsonl").write_bytes(
            damaged(draw, (self.folder / "kept.jsonl").read_bytes())
        )
        if draw.random() < 0.8:
            self.whole_or_nothing("import", "in.jsonl")
            return
        kept, self.db = self.db, self.folder / "empty.db"
        try:
            self.command("init")
            self.whole_or_nothing("import", "in.jsonl")
        finally:
            for path in self.folder.glob("empty.db*"):
                path.unlink()
            self.db = kept

    def archive(self, draw: random.Random) -> None:
        """An archive with one damaged file; some with a list of files that fits the damage."""
        folder = self.folder / "kept"
        path = draw.choice(sorted(folder.iterdir()))
        whole, listing = path.read_bytes(), (folder / "files.sha256").read_bytes()
        changed = damaged(draw, whole)
        path.write_bytes(changed)
        is_listed = draw.random() < 0.5 and path.suffix == ".parquet"
        if is_listed:
            (folder / "files.sha256").write_bytes(relisted(listing, path.name, changed))
        try:
            code = self.command("verify", "kept")
            assert code == 1 or changed == whole or is_listed, "a changed archive passed"
        finally:
            path.write_bytes(whole)
            (folder / "files.sha256").write_bytes(listing)

    def command_line(self, draw: random.Random) -> None:
        """A command with options of its own, and words that it knows or that are hostile."""
        path, command = draw.choice(COMMANDS)
        given = draw.choices([*WORDS, *HOSTILE], k=draw.choice([0, 1, 1, 2]))
        options = [option.opts[-1] for option in command.params if isinstance(option, click.Option)]
        for option in draw.choices(options or ["--help"], k=draw.choice([0, 1, 2, 3])):
            given.append(option)
            given += draw.choices([*WORDS, *WORDS, *HOSTILE], k=draw.choice([0, 1, 1, 1]))
        self.command(*path, *given)


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The commands under a group that end by themselves, with the words that lead to them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, LateCommand):
            command = command.made
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        if name not in ENDLESS:
            yield (*path, name), command


COMMANDS = [*commands(cli)]


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raise `Hung` in a block that takes too long."""

    def hang(*_: object) -> None:
        raise Hung

    signal.signal(signal.SIGALRM, hang)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)


def damaged(draw: random.Random, content: bytes) -> bytes:
    """Content with up to five damages."""
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        place = draw.randrange(len(changed) + 1)
        end = place + draw.choice([0, 1, 1, 8, 200])
        other = draw.randrange(len(changed) + 1)
        changed[place:end] = draw.choice(
            [
                b"",
                bytes([draw.randrange(256)]),
                draw.choice(HOSTILE).encode("utf-8", "surrogatepass"),
                changed[other : other + draw.choice([1, 10, 500])],
                bytes(byte ^ 1 << draw.randrange(8) for byte in changed[place:end]),
            ]
        )
    return bytes(changed)


def relisted(listing: bytes, name: str, content: bytes) -> bytes:
    """The list of an archive's files, with the digest of this content for one of them."""
    lines = listing.decode().splitlines()[:-1]
    digest = hashlib.sha256(content).hexdigest()
    text = "".join(f"{digest}  {name}\n" if name in line else f"{line}\n" for line in lines)
    return f"{text}# {hashlib.sha256(text.encode()).hexdigest()}\n".encode()


def main() -> int:
    """Run the inputs that the command line asks for; 1 if one of them shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", type=int, help="the number of one input to make again")
    given = parser.parse_args()
    numbers = range(given.first, given.first + given.inputs) if given.only is None else [given.only]
    faults, start = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "some", "depth", "away")
        folder.mkdir(parents=True)
        os.chdir(folder)
        fuzz = Fuzz(folder, given.seed)
        for number in numbers:
            if number and number % 500 == 0:
                print(f"{number:,} inputs, {time.monotonic() - start:,.0f} s", flush=True)
                fuzz.refresh()
            try:
                fuzz.run(number)
            except (AssertionError, Hung) as error:
                faults += 1
                print(f"input {number} ({fuzz.kind}): {error!r}\n{error}", flush=True)
                fuzz.refresh()
        os.chdir("/")
    for (kind, code), count in sorted(fuzz.outcomes.items()):
        print(f"{kind}: {count:,} ended with {code}")
    print(f"seed {given.seed}: {len(numbers):,} inputs, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
