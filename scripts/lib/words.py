"""The dialect that the pages, comments, errors and log lines are kept free of: one pattern a line, with its remedy."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Each pattern and what to write in its place. Letter case counts only where a pattern says so.
PATTERNS = (
    (r"\b(?:tell|tells|told|telling)\b(?! apart)", "return, report, say"),
    (r"\b(?:whatever|whoever|whichever)\b", "any, every, or the noun"),
    (r"\b(?:nobody|somebody|everybody|anybody)\b", "the noun: no client, another process"),
    (r"\bnow and then\b", "every N seconds, at intervals"),
    (r"\b(?:fares?|fared)\b", "fail, end"),
    (r"\bin the way of\b", "block, delay"),
    (r"\bwhat (?:is|was|are|were) not there\b", "the noun: a missing upload"),
    (r"\bby itself any more\b", "until it ends"),
    (r"\bnobody thought of\b", "unexpected"),
    (r"\bsays? nothing (?:else|of)\b", "holds only, contains no"),
)
# At the start of a docstring, a comment of the contract, or an error: a clause in the place of a subject.
OPENINGS = ((r"^(?:What|Who|Whatever|Whoever|That which)\b(?! (?:is|are|was)\b.*\?)", "name the subject"),)
PROSE = ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "models/README.md", "envoy/README.md", "training/README.md")
PYTHON = ("services/**/*.py", "scripts/**/*.py", "client/**/*.py")
CONTRACT = ("proto/dropmesh/**/*.proto",)
HERE = "scripts/lib/words.py"


class Found(NamedTuple):
    """One place where the dialect stands."""

    file: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words!r}: write {self.instead}"


def dialect_in(root: Path) -> list[Found]:
    """Finds the dialect in the pages, in the contract's comments, and in the comments and strings of Python files."""
    found = []
    for patterns, texts in ((PROSE, _lines), (PYTHON, _python_texts), (CONTRACT, _contract_comments)):
        files = {file for pattern in patterns for file in root.glob(pattern)}
        for file in sorted(files):
            name = str(file.relative_to(root))
            if name != HERE:
                found += [one for line, text, opens in texts(file) for one in _dialect(name, line, text, opens=opens)]
    return found


def _dialect(file: str, line: int, text: str, *, opens: bool) -> Iterator[Found]:
    for number, part in enumerate(text.splitlines()):
        for pattern, instead in PATTERNS:
            for match in re.finditer(pattern, part, re.IGNORECASE):
                yield Found(file, line + number, match[0], instead)
    for pattern, instead in OPENINGS if opens else ():
        if opening := re.match(pattern, text.strip()):
            yield Found(file, line, opening[0], instead)


def _lines(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Every line of a page."""
    for number, text in enumerate(file.read_text().splitlines(), 1):
        yield number, text, False


def _python_texts(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Every comment and string; a docstring is a string that stands alone and may not begin with a clause."""
    alone = True
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.removeprefix("#").strip(), False
        elif token.type in (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)):
            yield token.start[0], token.string.strip("rbfRBF").strip("\"'"), alone
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            alone = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def _contract_comments(file: Path) -> Iterator[tuple[int, str, bool]]:
    """Every comment of the contract, line by line; the first of a block may not begin with a clause."""
    before = False
    for number, text in enumerate(file.read_text().splitlines(), 1):
        comment = text.strip()
        if comment.startswith("//"):
            yield number, comment.removeprefix("//").strip(), not before
        before = comment.startswith("//")
