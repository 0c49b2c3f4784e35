-- A line for each owner and day that has measurements: how many, of how many numbers, from how many receipts.
SELECT
  readings.owner,
  readings.day,
  readings.measurements,
  readings.points,
  readings.least,
  readings.greatest,
  COALESCE(writes.receipts, 0) AS receipts
FROM (
  SELECT
    owner,
    CAST(floor(time_ns / 86400000000000.0) AS BIGINT) AS day,
    CAST(count(*) AS BIGINT) AS measurements,
    CAST(sum(points) AS BIGINT) AS points,
    min(least) AS least,
    max(greatest) AS greatest
  FROM measurements GROUP BY 1, 2
) AS readings
LEFT JOIN (
  SELECT
    owner,
    CAST(floor(time_ns / 86400000000000.0) AS BIGINT) AS day,
    CAST(count(DISTINCT receipt) AS BIGINT) AS receipts
  FROM lineage GROUP BY 1, 2
) AS writes ON writes.owner = readings.owner AND writes.day = readings.day
ORDER BY 1, 2
