"""Measures how much the detectors find, on pictures that people labelled."""
