"""Pictures as bytes and as pixels: sniffing, limits, decoding, encoding, and what never leaves: metadata."""
