"""Detection: from an upright picture to the objects in it."""
