"""A server on the loopback that serves videos, stalls, refuses, truncates and fails for a while."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Web", "serving"]


class Web:
    """What the server does by path: `good*` serves, others as their first word says.

    requests: how often each path was asked for; at_once: the most requests at one time
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.requests: Counter[str] = Counter()
        self.at_once = 0
        self.address = ""
        self.released = threading.Event()
        self._now = 0
        self._lock = threading.Lock()

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        with self._lock:
            self.requests[path] += 1
            self._now += 1
            self.at_once = max(self.at_once, self._now)
        try:
            self._answer(handler, path)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        word, _, rest = path.partition("-")
        body, length = self.content, len(self.content)
        if word == "refused":
            handler.send_response(int(rest[:3]))
            if rest.startswith("429"):
                handler.send_header("Retry-After", "0")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if word == "later" and self.requests[path] < 3:
            handler.send_response(503)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if word == "page":
            body = b"<html>This video is not here</html>" * 40
            length = len(body)
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html" if word == "page" else "video/mp4")
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if word in ("stalled", "truncated"):
            handler.wfile.write(body[: length // 2])
            handler.wfile.flush()
            if word == "stalled":
                self.released.wait(20)
            return
        if word == "slow":
            self.released.wait(0.2)
        handler.wfile.write(body)


@contextmanager
def serving(content: bytes) -> Iterator[Web]:
    """The server, until the block ends."""
    web = Web(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.answer(self)

        def do_HEAD(self) -> None:
            web.answer(self)

        def log_message(self, *_: object) -> None:
            return

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.released.set()
        server.shutdown()
        server.server_close()
