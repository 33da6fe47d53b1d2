"""Secrets in the spellings of languages, files and forms, each encoded up to three times."""

import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gjobs.tui.case.redaction import Redactor

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
