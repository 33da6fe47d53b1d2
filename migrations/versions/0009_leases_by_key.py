"""leases by key"""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Do nothing: revision 0006 now creates functions that find leases by key, and revision 0010 replaces
    older ones.
    """


def downgrade() -> None:
    pass
