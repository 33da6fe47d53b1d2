"""Signs transitions, and posts them to a webhook until it accepts them."""

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gjobs.store.poller import wait_after_failure
from gjobs.store.watch.watch import Transition
from gjobs.tui.cli.commands.watch_loop import document
from gjobs.tui.cli.output import UsageError, print_message

if TYPE_CHECKING:
    import httpx

SIGNATURE_HEADER = "Gjobs-Signature"
KEY_HEADER = "Idempotency-Key"
"""The same for each attempt, so that a receiver recognises repeated deliveries."""
SECRET_VARIABLE = "GJOBS_WEBHOOK_SECRET"  # noqa: S105
ANSWER_TIME = 10.0
"""Seconds that a web server has for one whole attempt."""
FIRST_WAIT = 1.0
"""Seconds until the second attempt. Each further wait is twice as long."""


def signature(secret: bytes, body: bytes, *, sent_at: int) -> str:
    """Return `t=TIME,v1=HEX`: HMAC-SHA256 of `TIME.BODY`, with the time in seconds since 1970."""
    signed = b"%d.%b" % (sent_at, body)
    return f"t={sent_at},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


class Webhook:
    """Posts the document until it is accepted, with growing pauses. Each document is sent at least once, with an
    idempotency key that is the same for each attempt.

    A server that answers 410 Gone gets nothing more. Redirects are not followed. Answers are neither shown nor kept.
    """

    def __init__(
        self, client: "httpx.AsyncClient", url: str, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._url = url
        self._secret = secret
        self._clock = clock
        self._host = urlsplit(url).hostname or ""
        self._is_gone = False

    async def tell(self, transition: Transition) -> None:
        body = json.dumps(document(transition)).encode()
        attempts = 0
        while not self._is_gone and (refusal := await self._post(transition.key, body)) is not None:
            attempts += 1
            if attempts == 1:
                print_message(f"{self._host} did not accept the webhook: {refusal}. Trying again until it does.")
            await asyncio.sleep(wait_after_failure(FIRST_WAIT, attempts))
        if attempts and not self._is_gone:
            print_message(f"{self._host} accepted the webhook after {attempts + 1} attempts.")

    async def _post(self, key: str, body: bytes) -> str | None:
        """Return why the server did not accept the document. Return None if nothing has to be sent again."""
        import httpx

        headers = {
            "Content-Type": "application/json",
            KEY_HEADER: key,
            SIGNATURE_HEADER: signature(self._secret, body, sent_at=int(self._clock())),
        }
        try:
            # httpx's own limits apply to a single read or write.
            async with (
                asyncio.timeout(ANSWER_TIME),
                self._client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                if response.status_code == httpx.codes.GONE:
                    self._is_gone = True
                    print_message(f"{self._host} answered 410 Gone. Nothing more is sent to it. The watch continues.")
                    return None
                return None if response.is_success else f"it answered {response.status_code}"
        except (TimeoutError, httpx.TimeoutException):
            return f"no answer within {ANSWER_TIME:g} s"
        except httpx.ConnectError:
            return "could not connect"
        except httpx.HTTPError as error:
            # The error's text may contain the address, which may contain a token.
            return type(error).__name__


def webhook_url(text: str) -> str:
    """Check the address. Raises UsageError if it is not an http(s) URL."""
    import httpx

    try:
        parts = urlsplit(text)
        # Reading the port raises ValueError if it is not a valid number. httpx must be able to read the address, too.
        is_whole = bool(parts.hostname) and parts.port != 0 and bool(httpx.URL(text).host)
    except (ValueError, httpx.InvalidURL):
        is_whole = False
    if not is_whole or parts.scheme not in ("http", "https"):
        raise UsageError("--webhook needs an http(s) URL.", hint="Begin it with https:// or http://.")
    return text


def webhook_secret() -> bytes:
    """Return the secret. Raises UsageError if there is none."""
    secret = os.fsencode(os.environ.get(SECRET_VARIABLE, ""))
    if not secret.strip():
        raise UsageError(
            "Webhooks are signed, but no secret is set.",
            hint=f"Set {SECRET_VARIABLE} to a long random text that the receiver also knows.",
        )
    return secret
