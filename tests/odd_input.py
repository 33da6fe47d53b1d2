"""Invalid or late input that a terminal may send."""

ODD_INPUT = (
    b"\x1b[999999999999u",
    b"\x1b[1114112u",
    b"\x1b[57441;1:3u",
    b"\x1b[97;1;55296u",
    b"\x1b[48;40;120;0;0t\x1b[<35;5;5M",
    b"\x1b[48;0;0;0;0t\x1b[<35;5;5M",
    b"\x1b[48;99999;99999;9;9t",
    b"\xff\xfe\xc3\x28",
)

UNUSUAL_REPLIES = (b"\x1b]\x1b\\", b"\x1b^dark\x1b\\", b"\x1bXarc\x1b\\")
"""No known reply of a terminal begins like these. Only their end distinguishes them from escape followed by other
keys.
"""

LATE_REPLIES = (
    *UNUSUAL_REPLIES,
    b"\x1b]11;rgb:dcdc/cccc/1e1e\x07",
    b"\x1b]11;rgb:dcdc/cccc/1e1e\x1b\\",
    b"\x1b]52;c;" + b"Adrc" * 2_000 + b"\x07",
    b"\x1bP>|xterm(388)\x1b\\",
    b"\x1bP1+r524742=38\x1b\\\x1b]10;rgb:0/0/0\xc2\x9c",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b]11;rgb:dc\x18",
    b"\x1b]11;rgb:dc\x1b[?62;22c",
    b"\x1b[?1u",
    b"\x1b[?997;1n",
    b"\x1b[>41;388;0c",
    b"\x1b[?62;1;2;4;6;9;15;16;17;18;21;22;28;29;42c",
)
"""Replies of a terminal to queries of a program that has already ended."""
