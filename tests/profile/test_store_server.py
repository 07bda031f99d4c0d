"""The store on a PostgreSQL server that the test starts: the same rows, eight writers at once."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hwkit.errors import ConfigError, ToolMissing
from hwkit.profile import store
from tests.profile.example import MEASUREMENT

WRITERS, EACH = 8, 5


def programs() -> Path:
    """Where the server's programs are; skips where there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL's server is not installed; apt-get install postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of an empty database."""
    found = programs()
    # The server refuses to run as root.
    root = os.geteuid() == 0
    user = pwd.getpwnam("nobody").pw_uid if root else None
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user, -1)
        data = folder / "data"
        command = [
            str(found / "initdb"),
            "-D",
            str(data),
            "-U",
            "hwkit",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run(
            command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=120
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["-p", str(port), "-k", name, "-c", "listen_addresses=127.0.0.1", "-F"]
        log = (folder / "log").open("wb")
        with (
            log,
            subprocess.Popen(
                [found / "postgres", "-D", data, *options], user=user, cwd=folder, stderr=log
            ) as running,
        ):
            try:
                url = f"postgresql://hwkit@127.0.0.1:{port}/postgres"
                wait_for(url)
                yield url
            finally:
                running.send_signal(signal.SIGINT)  # without waiting for those who are connected


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            store.check(url)
            return
        except ConfigError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def write_many(url: str, model: str) -> None:
    for _ in range(EACH):
        store.add(replace(MEASUREMENT, model=model), url)


def test_eight_writers_at_once_lose_nothing(server: str) -> None:
    names = [f"writer{k}" for k in range(WRITERS)]
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(server, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = store.read(server, model_digest=MEASUREMENT.model_digest)
    assert sorted(each.measurement.model for each in found) == sorted(names * EACH)
    assert found[0].measurement == replace(MEASUREMENT, model=found[0].measurement.model)
    assert len({each.id for each in found}) == WRITERS * EACH


def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    with pytest.raises(ConfigError) as caught:
        store.check("postgresql://me:secret@127.0.0.1:1/none")
    text = str(caught.value)
    assert "secret" not in text and "\n" not in text and "is the server up" in text


def test_what_is_no_address_or_has_no_driver_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no URL"):
        store.check("://")
    with pytest.raises(ToolMissing, match="driver"):
        store.check("postgresql+pg8000://host/name")
    with pytest.raises(ConfigError, match="oracle://host/name: a store is a file"):
        store.check("oracle://host/name")
