"""Real errors and their fingerprints. Errors of one group share a fingerprint."""

import json
from collections.abc import Mapping

_UUIDS = "3f2a9c1e-8d47-4b1a-9a57-2c1f6b8e7d90", "00000000-0000-4000-8000-00000000000a"


def app_json(message: str, **further: object) -> str:
    return json.dumps({"message": message, "stack": f"Error: {message}\n    at x (/app/y.ts:142:11)", **further})


PYTHON_TRACEBACK = """Traceback (most recent call last):
  File "/srv/worker.py", line 87, in run
    await client.send(job)
  File "/srv/client.py", line 12, in send
    raise TimeoutError(f"no answer in {seconds} s")
TimeoutError: no answer in 30 s
The rest explains."""

CHAINED_TRACEBACK = f"""{PYTHON_TRACEBACK}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/worker.py", line 99, in run
    store(result)
psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "assets_pkey"
DETAIL:  Key (id)=({_UUIDS[0]}) already exists.
"""

EXAMPLES: Mapping[str, tuple[str | None, ...]] = {
    "": (None, "", " \n\t", '" '.strip('"')),
    "API timeout": ("API timeout", app_json("API timeout", requestId="req_0a1b2c3d4e5f6071"), "\n API timeout \nmore"),
    "Rate limit reached: # Too Many Requests, try again in # s": (
        "Rate limit reached: 429 Too Many Requests, try again in 20 s",
        app_json("Rate limit reached: 429 Too Many Requests, try again in 1.5 s"),
    ),
    "The input image is # × # pixels; at least # × # are needed": (
        "The input image is 640 × 480 pixels; at least 1000 × 1000 are needed",
        app_json("The input image is 1,024 × 48 pixels; at least 1000 × 1000 are needed"),
        json.dumps({"message": "The input image is 640 × 480 pixels; at least 1 × 1 are needed"}, ensure_ascii=False),
    ),
    "Asset # not found": (f"Asset {_UUIDS[0]} not found", f"Asset {_UUIDS[1].upper()} not found", "Asset 17 not found"),
    "req_# failed": ("req_0a1b2c3d4e5f6071 failed", "req_0000000012345678 failed", "req_7 failed"),
    "charge ch_# declined": ("charge ch_3MmlLrLkdIwHu7ix0snN0B15 declined",),
    "segfault at # ip # in libvips.so.#": (
        "segfault at 0 ip 00007f3a5c1b2d3e in libvips.so.42",
        "segfault at 0x7ffee3 ip 0x00007FFF in libvips.so.8.1",
    ),
    "GET https://images.example.com/v#/a.png?<query> answered #": (
        "GET https://images.example.com/v1/a.png?token=s3cr3t&expires=1768478400 answered 403",
        "GET https://images.example.com/v1/a.png?X-Amz-Signature=9f8e7d6c5b4a answered 503",
        "GET https://images.example.com/v1/a.png#part answered 404",
    ),
    "/storage/a/input.png?<query> missing": (
        "/storage/a/input.png?token=xyz missing",
        "/storage/a/input.png?t=9&token=a-_b missing",
    ),
    "Is it on/off? x": ("Is it on/off? x",),
    "invalid JWT #, expired": (
        "invalid JWT eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcjgNryP4J-7-THsR9U, expired",
        "invalid JWT eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyMjIifQ.x_Qw--1, expired",
        "invalid JWT eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyMjIifQ, expired",
    ),
    "key # is not valid": (
        "key AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe is not valid",
        "key AKIAIOSFODNN7EXAMPLE is not valid",
        "key xoxb-17-abcdefghijkl is not valid",
        "key ghp_abcdefghijklmnop1 is not valid",
        "key sk-proj-abc_def-1234567 is not valid",
    ),
    "<email> and '<email>' share a name": (
        "carl.o'neil@example.com and 'ada@example.com' share a name",
        "ada@example.com and 'd'arcy.b@example.com' share a name",
    ),
    "https://images.example.com/#.png timed out": (f"https://images.example.com/{_UUIDS[0]}.png timed out",),
    "Quota of <email> is used up until <time>": (
        "Quota of ada@example.com is used up until 2026-01-15T12:00:00.123Z",
        "Quota of ben+test@mail.example.co.uk is used up until 2026-01-15 12:00:00+01:00",
        "Quota of b_c@example.com is used up until 2026-01-15",
    ),
    "at <time> the lease ended": ("at 12:00:01 the lease ended", "at 9:00:01.5 the lease ended"),
    "connect ECONNREFUSED #:#": ("connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED 127.0.0.1:54322"),
    "connect ENETUNREACH # # - Local (:::#)": (
        "connect ENETUNREACH 2a05:d018:135e:16de:aaaa:bbbb:cccc:dddd 5432 - Local (:::0)",
        "connect ENETUNREACH 2a05:d018::16de:1:ff 6543 - Local (:::0)",
    ),
    "TimeoutError: no answer in # s": (PYTHON_TRACEBACK, f"Worker 3 failed.\n{PYTHON_TRACEBACK}"),
    'psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "assets_pkey"': (
        CHAINED_TRACEBACK,
        CHAINED_TRACEBACK.replace("\n", "\r\n"),
        json.dumps({"error": {"message": CHAINED_TRACEBACK}}),
        "Traceback (most recent call last):\n" + '  File "deep.py"\n' * 1_000 + CHAINED_TRACEBACK,
    ),
    "TypeError: Cannot read properties of undefined (reading 'b#')": (
        "TypeError: Cannot read properties of undefined (reading 'b64')\n    at POST (/app/route.ts:87:20)",
    ),
    '{"code": #, "status": "UNAVAILABLE"}': ('{"code": 14, "status": "UNAVAILABLE"}',),
    "{ code: # }": ("{\n  code: 14\n}",),
    "Invalid size, use one of #": (
        '{"error": {"code": "invalid", "message": "Invalid size, use one of 256,512,1024", "param": "size"}}',
        "Invalid size, use one of 256, 512",
    ),
    "Bucket not found": ('{"statusCode": "404", "error": "Bucket not found", "message": ""}',),
    "Not JSON": ('[Not] "message": "x"'.replace("[Not]", "Not JSON\n"),),
    "[Errno #] No space left on device": ("[Errno 28] No space left on device",),
    "[ERROR] worker # lost": ("[ERROR] worker 7 lost\n    at run (worker.ts:8)\n    at main",),
    "first of two": ('[\n  {"message": "first of two"},\n  {"message": "second"}\n]',),
    '"quoted" and C:\\new é 😀 end': (
        '{"message": "\\"quoted\\" and C:\\\\new \\u00e9 \\ud83d\\ude00 end"}',
        '{"message":"\\"quoted\\" and C:\\\\new é 😀 end',
        '"quoted" and C:\\new é 😀 end',
    ),
    "stops before": ('{"message": "stops before \\ud83d alone"}', '{"message": "stops before\\u0000zero"}'),
    "x" * 200: ("x" * 1_000_000, "x" * 300 + "7", '{"message": "' + "x" * 9_000),
    ("# " * 75).strip(): ("123 " * 250_000, "456 " * 75),
}
