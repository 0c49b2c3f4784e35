"""The modules behind the measuring commands in scripts/."""
