"""InfluxDB's own Python client, unchanged: writes points by its batching writer. Runs where that package is installed.

Arguments: the address, a token, how many points. It stops halfway for a line of its input, and ends with the number of
batches that the client gave up.
"""

from __future__ import annotations

import sys

from influxdb_client import InfluxDBClient, Point, WriteOptions

START_S = 1_767_225_600


def main() -> None:
    """Writes the points."""
    url, token, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    lost: list[object] = []
    options = WriteOptions(
        batch_size=500,
        flush_interval=200,
        retry_interval=200,
        max_retry_delay=2_000,
        max_retries=60,
        max_retry_time=240_000,
    )
    with (
        InfluxDBClient(url=url, token=token, org="any", enable_gzip=True, timeout=20_000) as client,
        client.write_api(write_options=options, error_callback=lambda *found: lost.append(found)) as writer,
    ):
        for number in range(count):
            if number == count // 2:
                print("half", flush=True)
                sys.stdin.readline()
            point = Point("pump").tag("site", "berlin").field("temperature", number / 7).time(START_S + number, "s")
            writer.write("plant", record=point, write_precision="s")
    print(len(lost), flush=True)


if __name__ == "__main__":
    main()
