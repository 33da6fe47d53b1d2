"""A process that stands for a dashboard: it carries out each input as a command."""

import json
import os
import sys
import time

from textual._binary_encode import dump

from gjobs.tui.dashboard.frame.browser_tab import read_settings

FILE_NAME = 'a"; filename=b.html\r\nX: y'
"""A name that would add headers."""


def write(kind: bytes, data: bytes) -> None:
    os.write(1, kind + len(data).to_bytes(4, "big") + data)


def read() -> tuple[bytes, bytes]:
    kind = sys.stdin.buffer.read(1)
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return kind, sys.stdin.buffer.read(length)


def main() -> int:
    settings = read_settings()
    os.write(1, b"__GANGLION__\n")
    is_stubborn, content = False, b"<script>alert(1)</script>"
    while True:
        kind, data = read()
        if not kind:
            return 0
        if kind == b"M" and json.loads(data)["type"] == "quit":
            if is_stubborn:
                time.sleep(3600)
            write(b"M", b'{"type": "exit"}')
            return 0
        if kind == b"M" and json.loads(data)["type"] == "deliver_chunk_request":
            write(b"P", dump(("deliver_chunk", "key", content)))
            content = b""
        elif kind == b"M":
            write(b"D", data)
        match data.decode():
            case "fail":
                return 3
            case "leave":
                return 0
            case "stuck":
                time.sleep(3600)
            case "stubborn":
                is_stubborn = True
                write(b"D", b"stubborn")
            case "facts":
                facts = {
                    "arguments": sys.argv,
                    "environment": dict(os.environ),
                    "write_rule": settings.write_rule.name,
                    "is_leader": os.getsid(0) == os.getpid(),
                }
                write(b"D", json.dumps(facts).encode())
            case "deliver":
                meta = {"type": "deliver_file_start", "key": "key", "path": f"/tmp/{FILE_NAME}", "name": None}
                further = {"open_method": "browser", "mime_type": "text/html", "encoding": ""}
                write(b"M", json.dumps({**meta, **further}).encode())
            case "open":
                for url in ("javascript:alert(1)", "file:///etc/passwd", "https://example.com/"):
                    write(b"M", json.dumps({"type": "open_url", "url": url, "new_tab": True}).encode())


if __name__ == "__main__":
    sys.exit(main())
