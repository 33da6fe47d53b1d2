"""Redaction of contacts, and of secrets in the spellings of languages, files and forms."""

import html
import json
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gjobs.tui.case.redaction import LONGEST, Redactor, placeholder_counts, redaction_words
from gjobs.tui.case.secret_patterns import SecretKind


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("connect to 93.184.216.34:5432, 203.0.113.9.", "connect to [IP address 1]:5432, [IP address 2]."),
        ("https://geo.test/json/93.184.216.34", "https://geo.test/json/[IP address 1]"),
        ("db.test/93.184.216.34 or db/93.184.216.34:5432", "db.test/[IP address 1] or db/[IP address 1]:5432"),
        ("client_ip == 203.0.113.9, ip!=203.0.113.9", "client_ip == [IP address 1], ip!=[IP address 1]"),
        ("proxy/93.184.216.34, build: 203.0.113.5", "proxy/[IP address 1], build: [IP address 2]"),
        ("::ffff:93.184.216.34 or ::ffff:5db8:d822", "::ffff:[IP address 2] or [IP address 1]"),
        ("root@93.184.216.3 failed", "[e-mail 1] failed"),
        ('{"a": "x\\n93.184.216.34\\n"}', '{"a": "x\\n[IP address 1]\\n"}'),
        ("x-forwarded-for: 93.184.216.34, 10.0.0.1", "x-forwarded-for: [IP address 1], 10.0.0.1"),
        ("[2001:db8::1]:443 from 2A00:1450::8a: timeout", "[[IP address 1]]:443 from [IP address 2]: timeout"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334:443", "[IP address 1]:443"),
        ("+15551234567 10:30, +1 (555) 123-4567: x", "[phone number 1] 10:30, [phone number 2]: x"),
        ("+44 (0)20 7946 0958, +49/170/1234567.", "[phone number 1], [phone number 2]."),
        ("tel:+1-555-123-4567 To=%2B15551234567&x", "tel:[phone number 1] To=[phone number 2]&x"),
        ("0049 170 1234567, 0049-1701234567", "[phone number 1], [phone number 2]"),
        ("00491701234567 or 1 415 555 2671", "[phone number 1] or [phone number 2]"),
        ("(555) 123-4567 1-800-555-0199 212.555.0123", "[phone number 1] [phone number 2] [phone number 3]"),
        ("0170 1234567 and 030/12345678", "[phone number 1] and [phone number 2]"),
        ("(020) 7946 0958", "[phone number 1]"),
        ("call:0412 345 678", "call:[phone number 1]"),
        ("01 23 45 67 89", "[phone number 1]"),
        ('phone 01701234567, "phoneNumber": "5550199"', 'phone [phone number 1], "phoneNumber": "[phone number 2]"'),
        ("card=4111%201111%201111%201111", "card=[card number 1]"),
        ("from 93%2E184%2E216%2E34, not 10%2E0%2E0%2E7", "from [IP address 1], not 10%2E0%2E0%2E7"),
        (r"93\u002e184\u002e216\u002e34 2001%253Adb8%253A%253A1", "[IP address 1] [IP address 2]"),
        ("phone%3A%20030%20901820, %2B49%2030%20901820", "phone%3A%20[phone number 1], [phone number 2]"),
        ("d41d8cd98f00%2Fb204e9800998ecf8427e%3D%3D", "[key 1]"),
        ("password%3Dfoo!93.184.216.34!hunter2", "password%3D[password 1]"),
        ("customer_phone=5550199 tel. 0170/123 456", "customer_phone=[phone number 1] tel. [phone number 2]"),
    ],
)
def test_contact_is_replaced_by_a_placeholder(text: str, redacted: str) -> None:
    assert Redactor().text(text) == redacted
    assert Redactor().text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        'version 1.2.3.4, v1.2.3.4, opencv-python==4.9.0.80, lib>=4.9.0.80, "version": "5.1.2.4", Version=6.0.21.52',
        "Chrome/120.1.2.3 OPR/106.0.4.9 lib-1.2.3.4.jar lib.so.1.2.3.4 0.33.2.1 1.2.3.4-beta 4.0.0.0",
        "OID 1.3.6.1.4.1.311 and 300.1.2.3",
        "127.0.0.1:5432 10.0.0.5 100.64.0.1 172.16.3.4 192.168.1.2 169.254.1.1 255.255.255.0 0.0.0.0",
        "::1 fe80::1%eth0 fd12:3456::1 ::ffff:a00:1 std::vector cafe::add 5::float8 00:1a:2b:3c:4d:5e",
        "2026-11-29T10:30:00.123456Z 2026-11-29 10:30:00+01:00 2026:11:29 10:30:00 iphone 2026-11-29 10:30",
        "1732876543210 $1,234,567.89 -1234567890 +12345678.9 1e+1234567890 1:2:3:4 16:9 01-02-2026 01/02/2026 10:30",
        "512 768 1024, 404 500 1200 3, 200 404 500 1200, 001 002 003 012 013 014 0123 0124 0125",
        "12345678-1234-1234-1234-123456789012 req_b6845831efd18121 4c22cf25e0",
    ],
)
def test_local_address_version_number_and_time_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_contacts_are_counted() -> None:
    redactor = Redactor()
    text = redactor.text("+15551234567 from 93.184.216.34 and 8.8.8.8, not 8.8.8.8")
    counts = placeholder_counts(text, redactor.placeholders)
    assert counts == {SecretKind.PHONE: 1, SecretKind.IP: 2}
    assert redaction_words(counts) == "Redacted 3 values: 1 phone number, 2 IP addresses."


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text("123456789", min_size=length, max_size=length)


IP_ADDRESSES = st.one_of(
    st.integers(1 << 24, 224 << 24).map(IPv4Address).filter(lambda one: one.is_global).map(str).filter(
        lambda one: not one.endswith(".0.0")
    ),
    st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address).map(str),
    st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address).map(lambda one: one.exploded.upper()),
)  # fmt: skip
PHONE_NUMBERS = st.one_of(
    st.builds("+{}{}".format, digits(2), digits(9)),
    st.builds("+{}{sep}{}{sep}{}".format, digits(2), digits(3), digits(6), sep=st.sampled_from(" -./")),
    st.builds("+1 ({}) {}-{}".format, digits(3), digits(3), digits(4)),
    st.builds("(2{}) {}-{}".format, digits(2), digits(3), digits(4)),
    st.builds("2{}{sep}3{}{sep}{}".format, digits(2), digits(2), digits(4), sep=st.sampled_from("-.")),
    st.builds("0{}{}{}".format, digits(3), st.sampled_from(" /-"), digits(7)),
)
BEFORE = st.sampled_from(["", "from:", "from ", "(", "\\n", '"', "client=", "[", "\u202e", "to: "])
AFTER = st.sampled_from(["", ".", ", 17 retries", ")", "]", " failed", '"', ": busy", "\\n", "\n", "\u202c;"])


@given(before=BEFORE, contact=IP_ADDRESSES | PHONE_NUMBERS, after=AFTER)
def test_random_contact_is_replaced_as_a_whole_and_redaction_is_stable(before: str, contact: str, after: str) -> None:
    redacted = Redactor().text(f"{before}{contact}{after}")
    start, end = (one.translate({0x202E: None, 0x202C: None}) for one in (before, after))
    assert redacted in [f"{start}{placeholder}{end}" for placeholder in ("[IP address 1]", "[phone number 1]")]
    assert Redactor().text(redacted) == redacted


HARMLESS = st.one_of(
    st.uuids().map(str),
    # Spaced numbers of three, three and four digits are a phone number. Card numbers have 14 digits or more.
    (st.integers(0, 199) | st.integers(10**4, 10**13)).map(str),
    st.text("0123456789abcdef", min_size=10, max_size=10),
    st.datetimes().map(lambda one: one.isoformat() + "Z"),
    st.datetimes().map(lambda one: one.strftime("%Y-%m-%d %H:%M:%S+01:00")),
    st.timedeltas(timedelta(), timedelta(days=3)).map(str),
    st.integers(0, 10**9).map(lambda cents: f"${cents / 100:,.2f}"),
    st.tuples(*[st.integers(0, 300)] * 3).map(lambda parts: ".".join(map(str, parts))),
    st.tuples(*[st.integers(0, 300)] * 4).map(lambda parts: "v" + ".".join(map(str, parts))),
    st.integers(0, 2**24 - 1).map(lambda number: str(IPv4Address((10 << 24) + number))),
)


@given(st.lists(HARMLESS, max_size=6), st.sampled_from([" ", ", ", "\n", " in ", "|", '": "']))
def test_random_ids_times_costs_and_versions_stay(parts: list[str], separator: str) -> None:
    text = separator.join(parts)
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "part", ["1.", "1.1.1.1.", "+1 ", "+1", "2001:", "2001::", "::ffff:", "0", "01 ", "(2", "phone 1 "]
)
def test_hostile_numbers_take_little_time(part: str) -> None:
    start = time.process_time()
    Redactor().text(part * LONGEST)
    assert time.process_time() - start < 2.0


SPELLINGS = (
    "password={}",
    "Password : {}",
    'db_password := "{}"',
    "password == '{}'",
    'apiKey => "{}"',
    "pwd={{{}}}",
    "password: |\n  {}",
    'password: str = "{}"',
    "password = '''{}'''",
    'password="{}',
    "user[password]={}",
    "$_POST['password'] = '{}'",
    "{{b'password': b'{}'}}",
    "(b'x-api-key', b'{}')",
    "SecretStr('{}')",
    "IDENTIFIED BY '{}'",
    '{{"password":"{}"}}',
    '{{"name": "password", "value": "{}"}}',
    "- name: DB_PASSWORD\n  value: {}",
    "<password>{}</password>",
    '<wsse:Password Type="text">\n {}\n</wsse:Password>',
    "<password><![CDATA[{}]]></password>",
    "<secret><value>{}</value></secret>",
    "<password>{}",
    '<Password Value="{}"/>',
    "Passwort: {}",
    """password='it\\'s {}'""",
    """{{"password":"a\\"{}"}}""",
    "<password>a<b>{}</b></password>",
    '<add key="Password" value="{}"/>',
    '<input value="{}" type="password">',
    '<property name="db.password">{}</property>',
    "<key>password</key>\n<string>{}</string>",
    'form-data; name="password"\r\n\r\n{}\r\n--',
    "root:{}@tcp(db:3306)/app",
)


def as_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def with_percents(text: str) -> str:
    return quote(text, safe="")


def with_entities(text: str) -> str:
    return "".join(one if one.isalnum() else f"&#{ord(one)};" for one in text)


def with_codes(text: str) -> str:
    return "".join(one if one.isalnum() else f"\\u{ord(one):04x}" for one in text)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(
    value=st.from_regex(r"[a-z]{3}[0-9]{3}[A-Z]{2}", fullmatch=True),
    encodings=st.lists(st.sampled_from([as_json, with_percents, html.escape, with_entities, with_codes]), max_size=3),
    before=st.sampled_from(["", "failed: ", "user=ada "]),
    after=st.sampled_from(["", " at line 3", "\nnext"]),
)
@example("abc123DE", [as_json, html.escape, html.escape], "", "")
@settings(max_examples=10)
def test_secret_is_redacted_in_each_spelling_and_encoding(
    spelling: str, value: str, encodings: list[Callable[[str], str]], before: str, after: str
) -> None:
    text = spelling.format(value)
    for encode in encodings:
        text = encode(text)
    redacted = Redactor().text(f"{before}{text}{after}")
    assert value not in redacted
    assert Redactor().text(redacted) == redacted
