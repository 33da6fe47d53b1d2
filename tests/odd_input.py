"""What a terminal, or a program that writes into one, may send by mistake."""

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
