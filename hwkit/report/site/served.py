"""The pages behind a server: read-only, and always of what the store holds now."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hwkit.errors import ConfigError, HwkitError, ToolMissing
from hwkit.profile.store import newest, read
from hwkit.profile.store.database import Place
from hwkit.report.site import links
from hwkit.report.site.pages import Site

if TYPE_CHECKING:
    from flask import Flask, Response

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Current:
    """The pages of a store; read again when a measurement was added."""

    def __init__(self, place: Place, shown_as: str) -> None:
        self._place, self._shown_as = place, shown_as
        self._lock = threading.Lock()
        self._seen: object = None
        self._site = Site([], shown_as)

    def site(self) -> Site:
        """The pages as of now; raises as ``read`` does."""
        with self._lock:
            seen = newest(self._place)
            if seen != self._seen:
                self._site = Site(read(self._place), self._shown_as)
                self._seen = seen
            return self._site


def application(place: Place, shown_as: str, host: str) -> Flask:
    """A WSGI application that answers GET alone. On a loopback address it answers only to names of
    this machine, so that no page of another site reads it through a name of its own.

    ``ToolMissing`` without Flask.
    """
    try:
        from flask import Flask, Response, abort
    except ImportError as error:
        raise ToolMissing("flask", "pip install 'hwkit[serve]'") from error
    app = Flask("hwkit", static_folder=None)
    if host in LOOPBACK:
        app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    current = Current(place, shown_as)

    def page(name: str = links.INDEX) -> Response:
        content = current.site().page(name)
        if content is None:
            abort(404)
        return Response(content, mimetype="text/html")

    app.add_url_rule("/", "index", page)
    app.add_url_rule("/<name>", "page", page)

    @app.errorhandler(HwkitError)
    def failed(error: HwkitError) -> Response:
        return Response(f"{error}\n", status=500, mimetype="text/plain")

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def start(app: Flask, host: str, port: int) -> tuple[str, threading.Thread]:
    """Starts answering in a thread; the address, with the port that was free where ``port`` is 0.

    ``ConfigError`` when the address is taken, or not this machine's.
    """
    import logging

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        server = make_server(host, port, app, threaded=True)
    except (OSError, SystemExit) as error:
        raise ConfigError(f"{host}:{port}: {error}; give another --port or --host") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{server.server_port}/", thread
