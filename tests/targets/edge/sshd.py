"""A server of OpenSSH's on this machine, for the user who runs the tests."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hwkit.toolchain import programs

_AS_ROOT = """
set -e
grep -q ^sshd: /etc/passwd && cp /etc/passwd {0}/passwd ||
  {{ cat /etc/passwd; echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; }} > {0}/passwd
mount --bind {0}/passwd /etc/passwd
mount -t tmpfs tmpfs /run
mkdir /run/sshd
exec {1}
"""
"""Root's server wants a user and a folder of its own: they are there for it and its children."""


@dataclass(frozen=True, slots=True)
class Server:
    """``name`` is the host in ``config``, a file for ``ssh -F``; ``process`` the server."""

    name: str
    config: Path
    process: subprocess.Popen[bytes]
    log: Path

    def cut(self) -> None:
        """Ends every connection, as a cable that is pulled: the servers of them are killed."""
        mine = self._children(self.process.pid)
        for pid in mine:
            os.kill(pid, 9)

    def _children(self, pid: int) -> list[int]:
        """Processes of sshd below ``pid``."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1 :].rsplit(")", 1)
            if name.startswith("sshd") and int(rest.split()[1]) == pid:
                found += [int(stat.parent.name), *self._children(int(stat.parent.name))]
        return found


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Runs one on a free port until the end of the context. ``ToolMissing`` without OpenSSH's
    server, ``PermissionError`` where root may not mount what it needs."""
    sshd = programs.get("sshd")
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPasswordAuthentication no\n"
        "UsePAM no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    config = folder / "ssh_config"
    config.write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder}/known\n"
    )
    command = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    if os.geteuid() == 0:
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
            raise PermissionError("root may not mount here")
        text = _AS_ROOT.format(shlex.quote(str(folder)), shlex.join(command))
        command = [str(shutil.which("unshare")), "-m", "sh", "-c", text]
    log = folder / "sshd.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, stderr=said, stdin=subprocess.DEVNULL)
    try:
        _wait(process, port, log)
        yield Server("board", config, process, log)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"sshd: {log.read_text()}") from None
            time.sleep(0.02)
