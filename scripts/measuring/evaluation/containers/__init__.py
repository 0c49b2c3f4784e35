"""Makes small videos of many containers and codecs, and prints what becomes of each."""
