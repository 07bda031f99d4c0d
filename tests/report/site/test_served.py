"""The server: what the store holds now, to readers on this machine alone."""

from __future__ import annotations

import http.client
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("flask")

from hwkit.errors import ConfigError
from hwkit.profile.store import add
from hwkit.report.site.served import application, start
from tests.report.site.rows import HOSTILE, measurement


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    add(measurement(HOSTILE, "virtual_m4", 1000), path)
    return path


def test_pages_of_what_is_stored_now(store: Path) -> None:
    client = application(store, "store.db", "127.0.0.1").test_client()
    assert b"1 measurements" in client.get("/").data
    assert client.get("/measurement-2.html").status_code == 404
    add(measurement("digits", "virtual_m4", 1000), store)
    assert client.get("/measurement-2.html").status_code == 200
    found = client.get("/")
    assert b"2 measurements" in found.data and b"<b>" not in found.data
    assert found.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/..%2fstore.db", "/%2e%2e/store.db", "//etc/passwd", "/a/b", "/%00"]
)
def test_no_path_leads_out(store: Path, path: str) -> None:
    found = application(store, "store.db", "127.0.0.1").test_client().get(path)
    assert found.status_code in (400, 404)


def test_reading_is_all_that_is_answered(store: Path) -> None:
    client = application(store, "store.db", "127.0.0.1").test_client()
    for method in (client.post, client.put, client.delete, client.patch):
        assert method("/").status_code == 405


def test_names_of_other_machines_are_refused_on_loopback(store: Path) -> None:
    hosts = {"localhost:8321": 200, "127.0.0.1": 200, "evil.example": 400}
    client = application(store, "store.db", "127.0.0.1").test_client()
    assert {h: client.get("/", headers={"Host": h}).status_code for h in hosts} == hosts
    abroad = application(store, "store.db", "192.0.2.1").test_client()
    assert abroad.get("/", headers={"Host": "bench.example"}).status_code == 200


def test_a_damaged_store_is_told(store: Path) -> None:
    with sqlite3.connect(store) as db:
        db.execute("UPDATE measurement SET flags = 'x'")
    found = application(store, "store.db", "127.0.0.1").test_client().get("/")
    assert found.status_code == 500 and b"damaged text" in found.data


def test_an_address_that_is_taken(store: Path) -> None:
    app = application(store, "store.db", "127.0.0.1")
    address, _ = start(app, "127.0.0.1", 0)
    port = urlsplit(address).port
    assert port
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: .*give another --port"):
        start(app, "127.0.0.1", port)


def test_the_command_answers_until_it_is_ended(store: Path) -> None:
    command = [sys.executable, "-m", "hwkit", "serve", "--port", "0", "--store", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().split()[0])
        assert address.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=20)
        connection.request("GET", "/index.html")
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_the_command_writes_files(store: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "hwkit",
        "serve",
        "--store",
        str(store),
        "-o",
        str(tmp_path / "p"),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"{tmp_path / 'p' / 'index.html'}: 4 pages\n"
    assert len(list((tmp_path / "p").iterdir())) == 4
