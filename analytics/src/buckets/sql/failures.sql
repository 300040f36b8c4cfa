-- Who failed with whom: the failed sessions per bucket by server, port, client, outcome and observer.
--
-- Goes on from attempts.sql. The largest rows of each bucket come first and are kept.
failures AS (
    SELECT bucket, perspective, server_ip, server_port, client_ip, outcome, observer, count(*) AS failed
    FROM attempts
    WHERE outcome_class = 'failed'
    GROUP BY bucket, perspective, server_ip, server_port, client_ip, outcome, observer
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY bucket
            ORDER BY failed DESC, perspective, server_ip, server_port, client_ip, outcome, observer
        ) AS place
    FROM failures
)
SELECT bucket, perspective, server_ip, server_port, client_ip, outcome, observer, failed
FROM ranked
WHERE place <= 200000
ORDER BY bucket, place
