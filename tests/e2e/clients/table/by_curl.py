"""Makes the calls with curl: by_curl.py URL TOKEN < calls > answers."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.e2e.clients.table.rest import body_of, url_of

MARK = "\nstatus "


def called(url: str, token: str, call: dict[str, Any]) -> dict[str, str]:
    """The media type of an answer, or the reason of an error."""
    rest = call["rest"]
    command = ["curl", "--silent", "--show-error", "--max-time", "30", "--request", rest["verb"]]
    command += ["--output", "-", "--write-out", MARK + "%{http_code} %{content_type}", url_of(url, rest)]
    if call["with_token"]:
        command += ["--header", f"Authorization: Bearer {token}"]
    data = body_of(rest)
    if data is None and rest["body"] is not None:
        data = json.dumps(rest["body"]).encode()
    if data is not None:
        command += ["--header", f"Content-Type: {rest['content_type']}", "--data-binary", "@-"]
    said = subprocess.run(command, input=data or b"", capture_output=True, check=False)
    body, _, end = said.stdout.rpartition(MARK.encode())
    status, _, kind = end.decode().partition(" ")
    if status.startswith("2"):
        if kind.startswith("application/json") and body:
            json.loads(body)
        return {"answer": kind or "empty"}
    try:
        answer = json.loads(body)
        reasons = [detail["reason"] for detail in answer.get("details", ()) if "reason" in detail]
        return {"error": reasons[0] if reasons else str(answer["code"])}
    except (ValueError, KeyError):
        return {"error": f"{status} {body[:200]!r} {said.stderr[:200]!r}"}


if __name__ == "__main__":
    url, token = sys.argv[1:]
    for line in sys.stdin:
        call = json.loads(line)
        print(json.dumps({**called(url, token, call), "rpc": call["rpc"], "is_fault": call["is_fault"]}))
