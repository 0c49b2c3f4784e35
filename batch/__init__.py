"""The batch layer: jobs over everything that is stored, each of which may be stopped and run again."""
