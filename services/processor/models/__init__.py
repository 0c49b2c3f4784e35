"""The models as data: what the registry says, where their weights are, and how they are fetched."""
