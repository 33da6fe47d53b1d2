"""Proves to whoever gets a webhook that it comes from someone who knows the secret, and when it was sent. Pure."""

import hashlib
import hmac

SIGNATURE_HEADER = "Gjobs-Signature"
KEY_HEADER = "Idempotency-Key"
"""The same for each attempt, so that whoever has had it already can tell."""


def signature(secret: str, body: bytes, *, sent_at: int) -> str:
    """`t=TIME,v1=HEX`: HMAC-SHA256 of `TIME.BODY`, with the time in seconds since 1970."""
    signed = b"%d.%b" % (sent_at, body)
    return f"t={sent_at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
