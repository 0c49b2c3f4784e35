"""Making objects unrecognisable: what to cover, and the pixels that cover it."""
