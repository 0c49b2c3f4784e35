"""What the measuring commands in scripts/ are made of."""
