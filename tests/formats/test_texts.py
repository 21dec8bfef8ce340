"""Texts of sources: kept beside the log, compared, looked up, removed."""

import contextlib
import hashlib
import http.server
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from timeline import Actor, InvalidInput, NotFound, Source, Timeline
from timeline.cli import cli
from timeline.record.texts import fetched, plain, standing_of, text_of

SOURCES = Path(__file__).parents[2] / "fixtures"
TEXT = "He spoke of a “certain legal entity”,\nnot of a union — for now. Talks lie ahead."


@pytest.fixture
def record() -> Iterator[Timeline]:
    with Timeline.open("sqlite://") as record:
        record.add(
            Actor("ann", "person", "Ann"),
            Source("page", "ann", "On a union", address="http://gazette.example/1"),
            Source("file", "ann", "A copy", sha256=hashlib.sha256(TEXT.encode()).hexdigest()),
        )
        yield record


@pytest.fixture
def article(tmp_path: Path) -> Path:
    file = tmp_path / "article.txt"
    file.write_bytes(TEXT.encode())
    return file


def test_a_text_is_that_of_the_source_with_its_digest(record: Timeline, article: Path) -> None:
    kept = record.add_text(article, archive="https://archive.example/1")
    assert (kept.text.source, kept.text.place, kept.added) == ("file", "article.txt", True)
    assert not record.add_text(article).added
    (text,) = record.texts("file")
    assert (text.text, text.archive) == (TEXT, "https://archive.example/1")
    record.verify()


def test_another_text_is_another_version_and_its_difference_is_shown(
    record: Timeline, article: Path
) -> None:
    record.add_text(article, source="page")
    article.write_bytes(TEXT.replace("lie ahead", "are over").encode())
    kept = record.add_text(article, source="page")
    assert kept.difference[0].startswith("-not of a union")
    assert kept.difference[1].endswith("Talks are over.")
    assert len(record.texts("page")) == 2


def test_a_text_of_no_source_is_refused(record: Timeline, article: Path) -> None:
    article.write_bytes(b"Other words.")
    with pytest.raises(NotFound, match="--source ID"):
        record.add_text(article)
    for refused in (
        lambda: record.add_text(article, source="pages"),
        lambda: record.texts("pages"),
        lambda: record.remove_text("pages"),
    ):
        with pytest.raises(NotFound, match=r"no source 'pages' is on record\. Did you mean page\?"):
            refused()
    with pytest.raises(InvalidInput, match="cannot be read"):
        record.add_text(article.parent / "missing.txt")


@pytest.mark.parametrize(
    ("words", "standing"),
    [
        ('a "certain legal entity"', "verbatim"),
        ("certain … entity", "verbatim"),
        ("not of a union - for now", "verbatim"),
        ("a certain legal identity", "nearly"),
        ("the price of gas", "not there"),
        ("certain … price of gas", "not there"),
    ],
)
def test_quotes_are_looked_up_whatever_the_form_of_quotes_and_dashes(
    words: str, standing: str
) -> None:
    assert standing_of(words, plain(TEXT))[0] == standing


def test_check_says_which_quotes_the_text_has(record: Timeline, article: Path) -> None:
    quoted: dict[str, Any] = {"source": "file", "on": "2024-05"}
    record.say("Ann", "An entity.", quote="certain legal entity", id="right", **quoted)
    record.say("Ann", "Bodies.", quote="certain legal entities", id="near", **quoted)
    record.say("Ann", "A union.", more={"quotes": ["a union of gas"]}, id="wrong", **quoted)
    assert record.quotations() == []
    record.add_text(article)
    standings = {one.event: one.standing for one in record.quotations()}
    assert standings == {
        "claims/right": "verbatim",
        "claims/near": "nearly",
        "claims/wrong": "not there",
    }
    problems = [str(finding) for finding in record.check()]
    assert any("has 'certain legal entity', not" in problem for problem in problems)
    assert any("quotes[0]: the text of the source does not have" in one for one in problems)


def test_quotes_are_looked_up_in_the_newest_text(record: Timeline, article: Path) -> None:
    record.say("Ann", "A union.", on="2024-05", source="page", quote="for now. Talks lie ahead.")
    record.add_text(article, source="page")
    assert record.check() == []
    article.write_bytes(TEXT.replace("Talks lie ahead", "It is over").encode())
    record.add_text(article, source="page")
    assert [one.standing for one in record.quotations()] == ["not there"]
    assert [finding.field for finding in record.check()] == ["evidence[0].excerpt"]


def test_a_takedown_of_the_source_takes_its_text(tmp_path: Path, article: Path) -> None:
    file = tmp_path / "record.db"
    with Timeline.open(file) as record:
        record.add(Actor("ann", "person", "Ann"), Source("page", "ann", "On a union"))
        record.add_text(article, source="page")
        assert b"certain legal entity" in file.read_bytes() + wal(file)
        record.redact("source/page", reason="A court's order.")
        assert record.texts() == []
        assert b"certain legal entity" not in file.read_bytes() + wal(file)


def wal(file: Path) -> bytes:
    log = file.with_name(f"{file.name}-wal")
    return log.read_bytes() if log.exists() else b""


def test_text_comes_out_of_pages_and_pdfs() -> None:
    pytest.importorskip("trafilatura")
    pypdf = pytest.importorskip("pypdf")
    page = "<html><body><nav>Menu</nav><article><h1>On a union</h1><p>" + "Talks lie ahead. " * 20
    assert "Talks lie ahead." in text_of(f"{page}</p></article>".encode(), "text/html", "page")
    with pytest.raises(InvalidInput, match="expected a PDF"):
        text_of(b"%PDF-1.7 nothing", "", "x.pdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(72, 72)
    blank = Path("blank.pdf")
    with pytest.raises(InvalidInput, match="there is no text"):
        text_of(pdf_of(writer), "application/pdf", str(blank))
    with pytest.raises(InvalidInput, match="found image/png"):
        text_of(b"\x89PNG", "image/png", "x.png")


def test_what_a_library_warns_of_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pypdf")
    monkeypatch.setattr(logging.root, "handlers", [])
    with pytest.raises(InvalidInput, match="expected a PDF"):
        text_of(b"%PDF-1.7 nothing", "", "x.pdf")
    assert capsys.readouterr().err == ""


def pdf_of(writer: Any) -> bytes:
    import io

    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


# Fetching


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/page")
            self.end_headers()
        elif self.path == "/page":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=latin-1")
            self.end_headers()
            self.wfile.write("café".encode("latin-1"))
        elif self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def served() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_fetched_is_what_stands_there() -> None:
    with served() as site:
        data, media = fetched(f"{site}/moved", may=lambda _: True)
        assert text_of(data, media, "page") == "café"
        for path, problem in [("loop", "more than 5 redirects"), ("none", "404")]:
            with pytest.raises(InvalidInput, match=problem):
                fetched(f"{site}/{path}", may=lambda _: True)


def test_a_machine_of_the_callers_own_network_is_not_asked() -> None:
    with served() as site:
        with pytest.raises(InvalidInput, match="no public address"):
            fetched(f"{site}/page")
        asked = iter([True, False])
        with pytest.raises(InvalidInput, match="no public address"):
            fetched(f"{site}/moved", may=lambda _: next(asked))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/x", "http://"])
def test_only_http_is_fetched(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected an address of http or https"):
        fetched(url)


def test_the_commands_keep_list_and_remove_texts(tmp_path: Path, article: Path) -> None:
    url = f"sqlite:///{tmp_path}/texts.db"
    with Timeline.open(url) as record:
        record.add(Actor("ann", "person", "Ann"), Source("page", "ann", "On a union"))
        record.say("Ann", "Soon.", on="2024-05", source="page", quote="Talks lie ahead.")

    def run(*args: str) -> str:
        done = CliRunner().invoke(cli, ["--db", url, *args])
        assert done.exit_code == 0, done.output
        return done.output

    added = run("source", "add", str(article), "--source", "page")
    assert added.startswith("Kept the text of page: 17 words, SHA-256 ")
    assert "kept already" in run("source", "add", str(article), "--source", "page")
    assert run("source", "list").startswith("page  ")
    assert "Of 1 quote of sources whose text is kept, 1 stand there verbatim" in run("check")
    assert run("source", "remove", "page") == "1 text removed.\n"
    assert run("source", "list") == ""
    mistyped = CliRunner().invoke(cli, ["--db", url, "source", "remove", "pgae"])
    assert mistyped.exit_code == 1
    assert "no source 'pgae' is on record. Did you mean page?" in mistyped.output
