"""The local record of every write that this account made, in files on this machine."""
