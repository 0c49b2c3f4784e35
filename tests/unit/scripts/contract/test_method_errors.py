from __future__ import annotations

from pathlib import Path

import pytest

from scripts.contract.method_errors import COMMON, METHODS, errors_in_comments, errors_in_option, may_answer

CONTRACT = Path(__file__).resolve().parents[4] / "proto" / "dropmesh" / "v1"
IN_COMMENTS = errors_in_comments(CONTRACT.glob("*_service.proto"))


def test_every_method_has_a_comment():
    assert set(IN_COMMENTS) == {method.name for method in METHODS.values()}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_s_comment_and_option_list_the_same_errors(method):
    assert IN_COMMENTS[METHODS[method].name] == errors_in_option(METHODS[method])


@pytest.mark.parametrize("method", METHODS)
def test_no_method_repeats_an_error_of_every_method(method):
    assert not errors_in_option(METHODS[method]) & set(COMMON)


def test_a_comment_s_list_goes_over_lines_and_may_name_another_method(tmp_path):
    file = tmp_path / "one_service.proto"
    file.write_text(
        "  // First does one thing.\n  //\n  // Errors: FIRST_ONE,\n  // FIRST_TWO.\n  // Retry: NOT_AN_ERROR.\n"
        "  rpc First(A) returns (B) {}\n\n"
        "  // Second does more.\n  //\n  // Errors: SECOND_ONE, and those of First.\n  rpc Second(A) returns (B) {}\n\n"
        "  // Third never fails.\n  rpc Third(A) returns (B) {}\n"
    )
    assert errors_in_comments([file]) == {
        "First": {"FIRST_ONE", "FIRST_TWO"},
        "Second": {"FIRST_ONE", "FIRST_TWO", "SECOND_ONE"},
        "Third": set(),
    }


@pytest.mark.parametrize(
    ("method", "reason", "answer"),
    [
        ("IngestService.CancelMedia", "MEDIA_NOT_PROCESSING", True),
        ("IngestService.CancelMedia", "UPLOAD_EXPIRED", False),
        ("IngestService.CancelMedia", "TOO_BUSY", True),
        ("IngestService.CancelMedia", "TOKEN_EXPIRED", True),
        ("QueryService.GetDocument", "TOKEN_EXPIRED", False),
    ],
)
def test_a_method_answers_with_its_own_errors_and_the_common_ones(method, reason, answer):
    assert may_answer(f"dropmesh.v1.{method}", reason) is answer
