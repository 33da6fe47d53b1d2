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


def _grpc(status: str, details: str) -> str:
    return (
        f"<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.{status}\n"
        f'\tdetails = "{details}"\n\tdebug_error_string = "{{created:7}}"\n>'
    )


EXAMPLES: Mapping[str, tuple[str | None, ...]] = {
    "": (None, "", " \n\t", '" '.strip('"')),
    "API timeout": ("API timeout", app_json("API timeout", requestId="req_0a1b2c3d4e5f6071"), "\n API timeout \nmore"),
    "Rate limit reached: # Too Many Requests, try again in #": (
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
    "GET https://images.example.com/v#/a.png answered #": (
        "GET https://images.example.com/v1/a.png answered 403",
        "GET https://images.example.com/v1/a.png?token=s3cr3t&expires=1768478400 answered 403",
        "GET https://images.example.com/v1/a.png?X-Amz-Signature=9f8e7d6c5b4a answered 503",
        "GET https://images.example.com/v1/a.png#part answered 404",
    ),
    "/storage/a/input.png missing": (
        "/storage/a/input.png missing",
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
    "connect ENETUNREACH # # - Local (#:#)": (
        "connect ENETUNREACH 2a05:d018:135e:16de:aaaa:bbbb:cccc:dddd 5432 - Local (:::0)",
        "connect ENETUNREACH 2a05:d018::16de:1:ff 6543 - Local (:::0)",
    ),
    "TimeoutError: no answer in #": (PYTHON_TRACEBACK, f"Worker 3 failed.\n{PYTHON_TRACEBACK}"),
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
    "Ended at <time>": (
        "Ended at 2026-11-29T17:04:05+01",
        "Ended at 2026-11-29 17:04:05.123 -0500",
        "Ended at 20261129T170405Z",
        "Ended at 5:04 PM",
        "Ended at 11:04:05 p.m.",
        "Ended at Sun, 29 Nov 2026 17:04:05 GMT",
        "Ended at Sunday, 29-Nov-26 17:04:05 GMT",
        "Ended at 29 Nov 2026",
        "Ended at 3 May",
        "Ended at Sun Nov 29 17:04:05 2026",
        "Ended at Sun Nov 29 17:04:05 UTC 2026",
        "Ended at Nov 9 17:04:05",
        "Ended at November 29th, 2026 at 5:04 pm",
        "Ended at 29/Nov/2026:17:04:05 +0000",
        "Ended at 11/29/2026, 5:04:05 PM",
        "Ended at 2026/11/29 17:04:05",
        "Ended at Sun Nov 29 2026 17:04:05 GMT+0100 (Central European Standard Time)",
    ),
    "Job # Declined in May by Maybelline": ("Job 3 Declined in May by Maybelline",),
    "commit # is missing": ("commit 3f2a9c1 is missing", "commit 3f2a9c1e8d is missing"),
    "The defaced facade effaced # images": ("The defaced facade effaced 3 images",),
    "connect ECONNREFUSED #:#, retrying": (
        "connect ECONNREFUSED ::1:5432, retrying",
        "connect ECONNREFUSED 127.0.0.1:5432, retrying",
    ),
    "no route to #": ("no route to fe80::1", "no route to ::ffff:10.0.0.1", "no route to 2a05:d018::16de:1:ff:6543"),
    "std::bad_alloc in c#::Error and torch::jit::a#::b": ("std::bad_alloc in c10::Error and torch::jit::a1::b",),
    "The loss is # (was #)": ("The loss is -0.25 (was -3)", "The loss is 1e-05 (was 12)", "The loss is 3 (was +7)"),
    "gpt-image-# of #-#": ("gpt-image-1 of 3-4",),
    "Please try again in #.": (
        "Please try again in 350ms.",
        "Please try again in 2.5s.",
        "Please try again in 1m30.5s.",
        "Please try again in 1h20m30.123s.",
        "Please try again in 6m0s.",
        "Please try again in 1 second.",
        "Please try again in 12 minutes.",
    ),
    "CUDA out of memory. Tried to allocate #. GPU # has a total capacity of # of which # is free.": (
        (
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.69 GiB of which 1.2 MiB"
            " is free."
        ),
        "CUDA out of memory. Tried to allocate 512.00 MiB. GPU 1 has a total capacity of 7GB of which 0 bytes is free.",
    ),
    "mat1 and mat2 shapes cannot be multiplied (# and #)".replace("mat1 and mat2", "mat# and mat#"): (
        "mat1 and mat2 shapes cannot be multiplied (77x2048 and 768x320)",
        "mat1 and mat2 shapes cannot be multiplied (1024x1024 and 2x3x4)",
    ),
    "prediction # failed": (
        "prediction rrr4z55ocneqzikepnug6xezpe failed",
        "prediction 01ARZ3NDEKTSV4RRFFQ69G5FAV failed",
        "prediction 0ujtsYcgvSTl8PAuAdqWYSMnLOv failed",
        "prediction V1StGXR8_Z5jdHi6B-myT failed",
        "prediction 8f3k2j9x failed",
    ),
    "model Qwen#-VL-#-Instruct is busy": ("model Qwen2-VL-72B-Instruct is busy",),
    "net::ERR_HTTP#_STREAM_ERROR": ("net::ERR_HTTP2_STREAM_ERROR",),
    "Conv#dBackward expects # channels": ("Conv2dBackward expects 3 channels",),
    "the # attempt": ("the 1st attempt", "the 22nd attempt", "the 3rd attempt", "the 11th attempt"),
    "job_# and req_# and msg_#": ("job_abc123 and req_abc123 and msg_01XFDUDYJgAACzvnptvVoYEL",),
    "Incorrect API key provided: #.": (
        "Incorrect API key provided: sk-proj-********************wXyZ.",
        "Incorrect API key provided: abcd****.",
    ),
    "Invalid image data:image/png;#": ("Invalid image data:image/png;base64,iVBORw0KGgoAAAANSUhEUg/+A==",),
    "checksum # differs": ("checksum 1B2M2Y8AsgTpgAmY7PhCfg== differs", "checksum q1/+zz-_AAAAbbbbccccdd== differs"),
    "ID: #": ("ID: fra1::iad1::kz9wj-1701234567890-2f1f3d2c1b0a", "ID: 8a1b2c3d4e5f6789-FRA"),
    "render-worker# was evicted": ("render-worker-7d4b9c8f6d-x2x9k was evicted",),
    "cannot identify image file '/tmp/#/input.png'": ("cannot identify image file '/tmp/tmpx3k_j9ab/input.png'",),
    "/tmp/tmp_uploads/# is full": ("/tmp/tmp_uploads/7 is full",),
    "#.# of # jobs".replace("#.#", "#"): ("1234567.89 of 12345678 jobs", "1.5 of 3 jobs"),
    "HTTP 429 after #": ("HTTP 429 after 3 s", "HTTP 429 after 250ms"),
    "Connect Timeout Error (attempted addresses: #)": (
        "Connect Timeout Error (attempted addresses: 104.18.6.192:443, 104.18.7.192:443, 104.18.8.192:443)",
        "Connect Timeout Error (attempted addresses: 2606:4700::6812:6c0:443)",
    ),
    "HTTP Error 503: down": ("HTTP Error 503: down",),
    "RequestId: # HostId: #": (
        (
            "RequestId: 4442587FB7D0A2F9"
            " HostId: vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo="
        ),
    ),
    "HTTP 503 after #": ("HTTP 503 after 3 s",),
    "Request failed with status code 503": ("Request failed with status code 503",),
    "Error code: 429 - overloaded": ("Error code: 429 - overloaded",),
    "Error code: 500 - overloaded": ("Error code: 500 - overloaded",),
    "worker # exited with code 137": ("worker 12 exited with code 137",),
    "worker # exited with code -9": ("worker 12 exited with code -9", "worker 345 exited with code -9"),
    "worker # exited with code 1": ("worker 12 exited with code 1",),
    "exit code 2": ("exit code 2",),
    "Error Disk full": ("Error\nDisk full\nOut of space",),
    "Upload failed: Step #: Disk full": ("Upload failed:\nStep 7:\nDisk full\nOut of space",),
    "closed with code #": ("closed with code 1006", "closed with code 1011"),
    "ran with code #": ("ran with code 1.5", "ran with code 12ms"),
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
    '<_InactiveRpcError of RPC that terminated with: status = StatusCode.UNAVAILABLE details = "no route to #:#"': (
        _grpc("UNAVAILABLE", "no route to 10.0.0.1:50051"),
        _grpc("UNAVAILABLE", "no route to 10.0.0.2:50051"),
    ),
    '<_InactiveRpcError of RPC that terminated with: status = StatusCode.DEADLINE_EXCEEDED details = "late"': (
        _grpc("DEADLINE_EXCEEDED", "late"),
    ),
    "# Request Entity Too Large": (
        "<!DOCTYPE html>\n<html><head>\n<title>413 Request Entity Too Large</title>\n</head><body>nginx</body>",
        "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413",
    ),
    "# Gateway Time-out": (
        "<!DOCTYPE html><html><style>h1 { color: red }</style><script>x = 1;</script><h1>504 Gateway Time-out</h1>",
    ),
    "Error Cannot POST /api/jobs": (
        "<!DOCTYPE html>\n<html><head><title>Error</title>\n</head><body>\n<pre>Cannot POST /api/jobs</pre>",
    ),
    "<!DOCTYPE html>": ("<!DOCTYPE html>\n<html></html>", "<!DOCTYPE html>\n" + "<link>" * 400 + "<title>x</title>"),
    "NoSuchKey": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>None.</Message><Key>a.png',
        "<Error><Code>NoSuchKey</Code><Message>No such key.</Message><Key>b.png</Key></Error>",
    ),
    "AccessDenied": ('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',),
    "ReplicateError Details: title: Insufficient credit status: 402": (
        "ReplicateError Details:\ntitle: Insufficient credit\nstatus: 402\ndetail: Top up",
    ),
    "ReplicateError: ReplicateError Details: status: 422 detail: bad": (
        "Traceback (most recent call last):\n  x\nReplicateError: ReplicateError Details:\nstatus: 422\ndetail: bad",
    ),
    "# validation error for Input prompt": (
        "1 validation error for Input\nprompt\n  field required (type=value_error.missing)",
        "1 validation error for Input\r\nprompt\r\n  Input should be a string [input_value=7]",
    ),
    "# validation error for Input size": ("1 validation error for Input\nsize\n  field required",),
    "thread 'main' panicked at src/main.rs:#:#: index out of bounds: the len is # but the index is #": (
        "thread 'main' panicked at src/main.rs:14:5:\nindex out of bounds: the len is 3 but the index is 99\nnote: run",
    ),
    "thread 'main' panicked at src/main.rs:#:#: attempt to divide by zero": (
        "thread 'main' panicked at src/main.rs:14:5:\nattempt to divide by zero\nstack backtrace:",
    ),
    "thread 'main' panicked at src/main.rs:#:#:": ("thread 'main' panicked at src/main.rs:14:5:\nnote: run with",),
    "Error: Command failed: convert a.jpg convert: no decode delegate": (
        "Error: Command failed: convert a.jpg\nconvert: no decode delegate\n    at exit (node:child_process:518:28)",
    ),
    "Error: Command failed: convert a.jpg convert: cache exhausted": (
        "Error: Command failed: convert a.jpg\nconvert: cache exhausted\n",
    ),
    "Error: Command failed: convert a.jpg": (
        "Error: Command failed: convert a.jpg\n    at exit (node:child_process:5)",
    ),
    "The model returned no image.": (
        "```\nThe model returned no image.\n```",
        "```text\n---\n The model returned no image.",
    ),
    "no image": ('```json\n{"error": "no image"}\n```',),
    "#": ("17", "17\n18\n", "404\n\n"),
    "失敗": ("失敗\nmore",),
    "GET https://cdn.example.com/photo.jpg returned 403": (
        "GET https://cdn.example.com/photo.jpg returned 403",
        "GET https://cdn.example.com/photo.jpg?X-Amz-Date=20261129 returned 403",
    ),
    "GET https://cdn.example.com/photo.jpg returned 500": ("GET https://cdn.example.com/photo.jpg returned 500",),
    "The query returned # rows with # columns": ("The query returned 403 rows with 120 columns",),
    "The image was resized with #": ("The image was resized with 512 GiB", "The image was resized with 16 GiB"),
    "Upload failed (403)": ("Upload failed (403)",),
    "Upload failed (500): retry": ("Upload failed (500): retry",),
    "Bad gateway (502)": ("Bad gateway (502)",),
    "# tiles (#) left": ("7 tiles (250) left",),
    "Fetch failed with 404": ("Fetch failed with 404",),
    "Fetch failed with 503 Service Unavailable": ("Fetch failed with 503 Service Unavailable",),
    "status:429 upstream": ('{"status":429,"error":"upstream"}', '{"error": "upstream", "status": 429}'),
    "status:503 upstream": ('{"status":503,"error":"upstream"}',),
    "Invalid `prisma.asset.create()` invocation: P2002": ("Invalid `prisma.asset.create()` invocation: P2002",),
    "PrismaError: Invalid `prisma.asset.create()` invocation: Unique constraint failed": (
        "PrismaError: \nInvalid `prisma.asset.create()` invocation:\n\n\nUnique constraint failed",
    ),
    "HTTP/# 503 code=E8765": ("HTTP/2 503 code=E8765",),
    "P2025: # records": ("P2025: 3 records",),
    "Director: unexpected error handling prediction (E8765)": (
        "Director: unexpected error handling prediction (E8765)",
    ),
    "Order A# and XP#": ("Order A12345 and XP2002", "Order A123 and XP8"),
    "loc:[body,prompt] field required": (
        '{"detail":[{"loc":["body","prompt"],"msg":"field required","type":"value_error.missing"}]}',
        '{"detail": [{"loc": [\n  "body",\n  "prompt"\n], "msg": "field required"}]}',
    ),
    "loc:[body,images,#,url] field required": (
        '{"detail":[{"loc":["body","images",0,"url"],"msg":"field required"}]}',
    ),
    "Invalid colour ##": ("Invalid colour #ff00aa", "Invalid colour #000000", "Invalid colour #12ABCD"),
    "inputs/#/a.png is missing": ("inputs/5f3a/a.png is missing", "inputs/9b1c/a.png is missing"),
    "stops before": ('{"message": "stops before \\ud83d alone"}', '{"message": "stops before\\u0000zero"}'),
    "x" * 200: ("x" * 1_000_000, "x" * 300 + "7", '{"message": "' + "x" * 9_000),
    ("# " * 75).strip(): ("123 " * 250_000, "456 " * 75),
}
