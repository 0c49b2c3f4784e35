from __future__ import annotations

import pytest

from services.common.base.errors import Aborted
from services.common.base.etags import check_etag, etag_of


def test_an_etag_has_the_quotes_that_http_asks_for() -> None:
    assert etag_of(3) == '"3"'


def test_only_the_present_etag_passes() -> None:
    check_etag("", '"3"', "media/a")
    check_etag('"3"', '"3"', "media/a")
    for other in ('"2"', "3", 'W/"3"'):
        with pytest.raises(Aborted) as refused:
            check_etag(other, '"3"', "media/a")
        assert refused.value.metadata == {"etag": '"3"'}
