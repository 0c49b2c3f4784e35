"""The command `dropmesh`."""
