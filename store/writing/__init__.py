"""What is written: what a value must be, who may write, one guarded statement each, and why it may change nothing."""
