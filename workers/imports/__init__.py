"""What other programs have written, read."""
