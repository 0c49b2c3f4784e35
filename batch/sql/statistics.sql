-- The statistics of media by owner, as the services keep them: what is counted, of which name, how many.
SELECT owner, 'states' AS what, state AS name, CAST(count(*) AS BIGINT) AS amount
FROM media WHERE state IS NOT NULL GROUP BY owner, state
UNION ALL
SELECT owner, 'formats', format, CAST(count(*) AS BIGINT) FROM media WHERE format IS NOT NULL GROUP BY owner, format
UNION ALL
SELECT owner, 'days', day, CAST(count(*) AS BIGINT) FROM media WHERE day IS NOT NULL GROUP BY owner, day
UNION ALL
SELECT owner, 'cameras', camera, CAST(count(*) AS BIGINT) FROM media WHERE camera IS NOT NULL GROUP BY owner, camera
UNION ALL
SELECT owner, 'objects', class, CAST(sum(amount) AS BIGINT) FROM media_objects GROUP BY owner, class
UNION ALL
SELECT owner, 'storage_bytes', '', CAST(sum(storage_bytes) AS BIGINT) FROM media GROUP BY owner
UNION ALL
SELECT owner, 'duplicates', '', CAST(sum(duplicates) AS BIGINT) FROM media GROUP BY owner
UNION ALL
SELECT owner, 'duplicate_bytes', '', CAST(sum(duplicate_bytes) AS BIGINT) FROM media GROUP BY owner
ORDER BY 1, 2, 3
