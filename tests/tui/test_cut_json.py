"""Of an error whose end lists do not read, the message is still found, as far as it goes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.text.format import error_summary, message_of_cut

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)

others = st.dictionaries(st.text(max_size=5).filter("message".__ne__), values, max_size=3)


@given(before=others, message=st.text(), after=others, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_truncated_json_yields_a_prefix_of_its_message(
    before: dict[str, object], message: str, after: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    after = {key: value for key, value in after.items() if key not in before}
    text = json.dumps({**before, "message": message, **after}, indent=indent, ensure_ascii=ascii_only)
    lengths = [-1]
    for end in range(len(text) + 1):
        read = message_of_cut(text[:end])
        assert read is None or message.startswith(read)
        lengths.append(-1 if read is None else len(read))

    assert lengths == sorted(lengths)
    assert message_of_cut(text) == message
    assert lengths[-1] == len(message)


@given(text=st.text() | st.text(alphabet='{}[]":,\\u message0'))
def test_message_of_cut_reads_any_text_without_an_error(text: str) -> None:
    read = message_of_cut(text)

    assert read is None or text.lstrip().startswith("{")


@pytest.mark.parametrize(
    ("cut", "summary"),
    [
        ('{"message": "API timeout", "stack": "Error\\n  at', "API timeout"),
        ('{"code": 504, "details": {"retry": [1, 2]}, "message": "The model is over', "The model is over"),
        ('{"message": "h\\u00e1\\u010', "há"),
        ('{"message": "smile \\ud83d\\ude', "smile"),
        ('{"message": "a \\', "a"),
        ('{"stack": "Error: it went wr', '{"stack": "Error: it went wr'),
        ('{"error": {"message": "inner', '{"error": {"message": "inner'),
        ('{"message": 12', '{"message": 12'),
        ("{not JSON at all", "{not JSON at all"),
    ],
)
def test_error_summary_reads_the_message_of_truncated_json(cut: str, summary: str) -> None:
    assert error_summary(cut) == summary
