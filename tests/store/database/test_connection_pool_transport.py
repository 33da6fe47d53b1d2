"""Whether a connection leaves the machine unencrypted."""

import pytest

from store.capabilities.facts import Transport
from store.database.connection_pool import is_local


@pytest.mark.parametrize(
    ("host", "address", "local"),
    [
        ("/run/postgresql", "", True),
        ("@abstract", "", True),
        ("localhost", "127.0.0.1", True),
        ("db.example.com", "127.0.0.2", True),
        ("localhost", "::1", True),
        ("db.example.com", "192.0.2.7", False),
        ("localhost", "10.0.0.1", False),
        ("db.example.com", "fe80::1%eth0", False),
        ("db.example.com", "", False),
    ],
)
def test_transport_is_exposed_unless_it_is_local_or_encrypted(host: str, address: str, local: bool) -> None:
    assert is_local(host, address) is local
    assert Transport(is_encrypted=False, is_local=local).is_exposed is not local
    assert not Transport(is_encrypted=True, is_local=local).is_exposed
