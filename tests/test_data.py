"""Downloads are checked, whole or not there at all, and say what to do without a network; against a local server."""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seisinv.cli import app
from seisinv.core import ConfigError, DataError
from seisinv.io import catalogue, fetch
from seisinv.io.catalogue import CATALOGUE, Dataset, dataset
from seisinv.io.download import RECORD

CONTENT = b"3600 bytes of headers, or so" * 100
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves one good file, one that breaks off, and nothing else."""

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)  # type: ignore[attr-defined]
        if name not in ("model.segy", "short.segy"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) if name == "model.segy" else 99])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def at(port: int, name: str = "model.segy", sha256: str | None = RIGHT) -> Dataset:
    return Dataset("toy", "a toy", f"http://127.0.0.1:{port}/{name}", "CC0", "here", 0.003, sha256)


def port_of(server: http.server.ThreadingHTTPServer) -> int:
    return int(server.server_address[1])


def test_file_is_downloaded_once_and_checked(server, tmp_path):
    folder = tmp_path / "data"
    for _ in range(2):
        path = fetch(at(port_of(server)), folder=folder)
    assert path.read_bytes() == CONTENT
    assert server.asked == ["model.segy"]
    assert [p.name for p in folder.iterdir()] == ["model.segy"]


@pytest.mark.parametrize(
    ("name", "sha256", "word"),
    [
        ("model.segy", "0" * 64, "not the file that is expected"),
        ("short.segy", None, "toy cannot be downloaded"),
        ("absent.segy", RIGHT, "404"),
    ],
)
def test_failure_says_what_to_do_in_one_line_and_leaves_nothing(server, tmp_path, name, sha256, word):
    wanted = at(port_of(server), name, sha256)
    with pytest.raises(DataError, match=word) as caught:
        fetch(wanted, folder=tmp_path)
    text = str(caught.value)
    assert "\n" not in text
    assert f"download {wanted.url} by other means and put it at {tmp_path / name}" in text
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_it_says_where_to_put_the_file(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    with pytest.raises(
        DataError, match=rf"no connection; download http://127.0.0.1:{closed}/model.segy by other means"
    ):
        fetch(at(closed), folder=tmp_path)
    (tmp_path / "model.segy").write_bytes(CONTENT)  # as it says
    assert fetch(at(closed), folder=tmp_path).read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "model.segy"]


def test_unknown_checksum_is_recorded_and_checked_ever_after(server, tmp_path):
    wanted = at(port_of(server), sha256=None)
    path = fetch(wanted, folder=tmp_path)
    assert json.loads((tmp_path / RECORD).read_text()) == {"model.segy": RIGHT}
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(DataError, match="that of the first download"):
        fetch(wanted, folder=tmp_path)
    path.unlink()
    (tmp_path / RECORD).write_text(json.dumps({"model.segy": "0" * 64}))
    with pytest.raises(DataError, match="not the file that is expected"):
        fetch(wanted, folder=tmp_path)
    assert not path.exists()
    (tmp_path / RECORD).write_text("[")
    with pytest.raises(DataError, match="cannot be read as checksums"):
        fetch(wanted, folder=tmp_path)


def test_file_that_changed_is_refused(tmp_path):
    (tmp_path / "model.segy").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"not .*the catalogue's.*delete it and fetch it again"):
        fetch(at(9), folder=tmp_path)


def test_catalogue_states_source_licence_and_checksum():
    assert len({d.name for d in CATALOGUE}) == len({d.file for d in CATALOGUE}) == len(CATALOGUE)
    for d in CATALOGUE:
        assert d.url.startswith("http")
        assert d.licence
        assert d.source
        assert d.hint
        assert d.megabytes > 0
        assert d.sha256 is None or len(bytes.fromhex(d.sha256)) == 32
    with pytest.raises(ConfigError, match="did you mean marmousi2"):
        dataset("marmoussi2")


def test_command_line_lists_and_fetches(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SEISINV_DATA", str(tmp_path))
    monkeypatch.setattr(catalogue, "CATALOGUE", (replace(at(port_of(server)), hint="read it"),))
    run = CliRunner().invoke
    assert "CC0" in run(app, ["data", "list"]).output
    done = run(app, ["data", "fetch", "toy"])
    assert done.exit_code == 0
    assert str(tmp_path / "model.segy") in done.output
    assert f"here     {tmp_path / 'model.segy'}" in run(app, ["data", "list"]).output
    (tmp_path / "model.segy").write_bytes(b"")
    assert run(app, ["data", "fetch", "toy"]).exit_code == 2
    assert run(app, ["data", "fetch", "tou"]).exit_code == 2


def test_known_checksum_is_that_of_the_published_file():
    file = Path(__file__).resolve().parents[2] / "shared/data/marmousi2_agl_segy/vp_marmousi-ii.segy.gz"
    if not file.exists():
        pytest.skip("needs ../shared/data/marmousi2_agl_segy")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == dataset("marmousi2").sha256
