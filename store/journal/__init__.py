"""The local record of every write from this account, in files on this machine."""
