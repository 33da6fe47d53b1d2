"""What becomes of old jobs: batch by batch they go, each in a short transaction that waits for nobody."""
