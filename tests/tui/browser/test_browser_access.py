"""Which requests may use the dashboard in a browser."""

import re

import pytest

from gjobs.tui.browser.tab_server import FILES, MOST_LINKS
from tests.tui.browser.tab_servers import cookie_of, header_of, serving, status_of

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def test_link_works_once_and_becomes_a_cookie() -> None:
    async with serving() as served:
        link = f"/?token={served.server.sign_ins.new_link()}"
        first = await served.get(link)
        assert status_of(first) == 200
        assert 'http-equiv="refresh" content="0;url=/"' in first
        assert "token=" not in first.replace(link, "")
        assert re.fullmatch(
            rf"gjobs_{served.port}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Strict", header_of(first, "Set-Cookie")
        )
        cookie = cookie_of(first)
        assert status_of(await served.get("/", f"Cookie: {cookie}")) == 200
        assert status_of(await served.get(link, f"Cookie: other=1; {cookie}")) == 200
        again = await served.get(link)
        assert status_of(again) == 403
        assert "Set-Cookie" not in again
        assert "used before" in again
        second = f"/?token={served.server.sign_ins.new_link()}"
        assert "Set-Cookie" not in await served.get(second, f"Cookie: {cookie}")
        assert status_of(await served.get(second)) == 403
        assert served.reports == []


async def test_only_the_newest_links_work_and_a_cookie_counts_beside_others_of_its_name() -> None:
    async with serving() as served:
        oldest, *links = (f"/?token={served.server.sign_ins.new_link()}" for _ in range(MOST_LINKS + 1))
        assert status_of(await served.get(oldest)) == 403
        cookie = cookie_of(await served.get(links[0]))
        name = cookie.partition("=")[0]
        for sent in (f"{cookie}; {name}=wrong", f"{name}=wrong; {cookie}", f'a="x; {cookie}; b=y"'):
            assert status_of(await served.get("/", f"Cookie: {sent}")) == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", (), 401),
        ("/", ("Cookie: gjobs=wrong",), 401),
        ("/static/textual.js", (), 401),
        ("/ws", (), 403),
        ("/ws", ("Origin: http://{host}",), 401),
        ("/?token=", (), 403),
        ("/?token=wrong", (), 403),
        ("/?token=\xe9\x00", (), 400),
        ("/", ("{cookie}",), 200),
        ("/", ("{cookie}", "Origin: http://{host}"), 200),
        ("/", ("{cookie}", "Origin: http://127.0.0.1:1"), 403),
        ("/", ("{cookie}", "Origin: null"), 403),
        ("/", ("{cookie}", "Origin: http://{host}", "Origin: http://{host}"), 403),
        ("/ws", ("{cookie}", "Origin: http://evil.example.com", *UPGRADE), 403),
        ("/ws", ("{cookie}", *UPGRADE), 403),
        ("/ws", ("{cookie}", "Origin: https://{host}", *UPGRADE), 403),
        ("/ws", ("{cookie}", "Origin: http://{host}"), 400),
        ("/static/page.html", ("{cookie}",), 404),
        ("/static/..%2f..%2fpages.py", ("{cookie}",), 404),
        ("/download/0", ("{cookie}",), 404),
        ("/elsewhere", ("{cookie}",), 404),
    ],
)
async def test_requests_need_the_cookie_and_our_origin(path: str, headers: tuple[str, ...], status: int) -> None:
    async with serving() as served:
        cookie = f"Cookie: {await served.cookie()}"
        filled = [header.format(host=served.host, cookie=cookie) for header in headers]
        assert status_of(await served.get(path, *filled)) == status
        assert served.pids == []


async def test_broken_requests_are_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served:
        link = f"/?token={served.server.sign_ins.new_link()}"
        for line in (
            f"GET {link} \x1b[31m HTTP/1.1",
            f"GET {link}{'x' * 20_000} HTTP/1.1",
            "\x1b]0;x\x07",
        ):
            assert status_of(await served.send(line, f"Host: {served.host}")) == 400, line
        assert status_of(await served.send(f"GET {link} HTTP/1.1", f"Host: {served.host}", "X\x1b: y")) == 400
        for method in ("HEAD", "POST"):
            assert status_of(await served.send(f"{method} {link} HTTP/1.1", f"Host: {served.host}")) == 401
        assert status_of(await served.get(link)) == 200
        assert (caplog.records, served.reports) == ([], [])


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:1", True),
        ("LocalHost", True),
        ("[::1]:8787", True),
        ("10.0.0.5:8787", False),
        ("rebound.example.com:8787", False),
        ("127.0.0.1@rebound.example.com", False),
        ("127.0.0.1.example.com", False),
        ("localhost:80.example.com", False),
    ],
)
async def test_host_must_be_a_loopback_name(host: str, is_ours: bool) -> None:
    async with serving() as served:
        refused = "does not accept this host name" in await served.get("/", host=host)
        assert refused is not is_ours
        assert status_of(await served.send("GET / HTTP/1.1", f"Host: {host}", "Host: localhost")) in (400, 403)


async def test_page_loads_nothing_from_another_server() -> None:
    async with serving() as served:
        cookie = f"Cookie: {await served.cookie()}"
        page = await served.get("/", cookie)
        assert "<title>&lt;/title&gt;&lt;script&gt;␛ · gjobs</title>" in page
        policy = header_of(page, "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; script-src 'self'; font-src 'self'; ")
        assert f"connect-src 'self' ws://{served.host}; base-uri 'none'; " in policy
        assert (header_of(page, "Cache-Control"), header_of(page, "Referrer-Policy")) == ("no-store", "no-referrer")
        assert header_of(page, "X-Frame-Options") == "DENY"
        named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
        assert named == {f"/static/{name}" for name in FILES if not name.endswith(".ttf")}
        for name in FILES:
            answer = await served.get(f"/static/{name}", cookie)
            assert status_of(answer) == 200
            assert header_of(answer, "X-Content-Type-Options") == "nosniff"
            if not name.endswith(".ttf"):
                without_comments = re.sub(r"/\*.*?\*/", "", answer, flags=re.DOTALL)
                assert re.findall(r"https?://\w", without_comments) == [], name
