"""`python -m services.processor.models`: see scripts/models."""

from __future__ import annotations

import sys

from services.processor.models.command import main

if __name__ == "__main__":
    sys.exit(main())
