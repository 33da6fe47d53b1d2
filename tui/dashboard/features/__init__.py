"""What a key opens or does: each file is one feature, from its action to its dialog."""
