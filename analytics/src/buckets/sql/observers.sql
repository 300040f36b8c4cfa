-- Which observers delivered anything in a bucket, and for which perspective. Every protocol counts, interim records too.
--
-- $1: bucket span, microseconds. $2, $3: first bucket start and end of the last, exclusive.
SELECT CAST("end" AS BIGINT) / $1 AS bucket, perspective, observer, count(*) AS records
FROM sessions
WHERE "end" >= $2 AND "end" < $3
GROUP BY CAST("end" AS BIGINT) / $1, perspective, observer
ORDER BY bucket, perspective, observer
