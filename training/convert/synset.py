"""ImageNet's labels out of two tables: the synsets in the order of a classifier's outputs, and the words of each."""

from __future__ import annotations

from training.convert.errors import ConversionFailed


def synset_labels(members: list[bytes]) -> bytes:
    """One line an output, "n01440764 tench, Tinca tinca", of the list of synsets and of the table of their words."""
    order, table = (member.decode("utf-8").splitlines() for member in members)
    words = dict(line.split("\t", 1) for line in table if line)
    missing = [synset for synset in order if synset not in words]
    if missing:
        raise ConversionFailed(f"no words for the synset {missing[0]}")
    return "".join(f"{synset} {words[synset]}\n" for synset in order).encode()
