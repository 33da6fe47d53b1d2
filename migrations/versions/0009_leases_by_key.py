"""leases by key"""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Revision 0006 creates its functions so that they find leases by key; revision 0010 replaces older ones."""


def downgrade() -> None:
    pass
