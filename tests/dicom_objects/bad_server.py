"""A server that passes requests on to an archive, but for faults that a test injects."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@contextmanager
def bad_server(url: str, fault, certificate=None):
    """Run the server, over TLS if there is a certificate; yields (its address, the list of the requests it had).

    `fault(handler, method, path, answer)` gets the archive's answer (status, headers, body) and returns another one, or
    None once it has answered itself.
    """
    seen: list[str] = []
    behind = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def handle(self):
            with suppress(OSError):  # the client did not trust the certificate, or has had enough
                super().handle()

        def _pass_on(self):
            seen.append(f"{self.command} {self.path}")
            connection = http.client.HTTPConnection(behind.hostname, behind.port, timeout=30)
            dropped = {"Transfer-Encoding", "Content-Length", "Accept-Encoding"}
            headers = {name: value for name, value in self.headers.items() if name not in dropped}
            connection.request(self.command, self.path, self._body(), headers)
            found = connection.getresponse()
            answer = found.status, {"Content-Type": found.headers.get("Content-Type", "")}, found.read()
            connection.close()
            answer = fault(self, self.command, self.path, answer)
            if answer is not None:
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def _body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while (size := int(self.rfile.readline(), 16)) > 0:
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = _pass_on

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_port}{behind.path}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def is_retrieval(method: str, path: str) -> bool:
    """Whether a request is for an object itself."""
    return method == "GET" and "/instances/" in path


def is_search(method: str, path: str) -> bool:
    """Whether a request is for a list of objects."""
    return method == "GET" and not is_retrieval(method, path)


def cut_short(handler, method, path, answer):
    """Send half of an object and hang up, though its length was said."""
    if not is_retrieval(method, path):
        return answer
    status, headers, body = answer
    return status, headers | {"Content-Length": str(len(body))}, body[: len(body) // 2]


def cut_silently(handler, method, path, answer):
    """Send half of an object without saying its length."""
    if not is_retrieval(method, path):
        return answer
    status, headers, body = answer
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    return None


def late(handler, method, path, answer):
    """Answer a second later than one may."""
    if is_retrieval(method, path):
        time.sleep(1.5)
    return answer


def trickling(handler, method, path, answer):
    """Send an endless answer, a byte at a time."""
    if not is_retrieval(method, path):
        return answer
    handler.send_response(200)
    handler.send_header("Content-Type", answer[1]["Content-Type"])
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.1)
    except OSError:
        pass  # the client has gone, as it should
    return None
