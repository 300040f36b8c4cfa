-- Who failed with whom: the failed TCP sessions per bucket by server, port, client, outcome and observer.
--
-- $1: bucket span, microseconds. $2, $3: first bucket start and end of the last, exclusive. The largest rows of each
-- bucket come first and are kept.
WITH failures AS (
    SELECT
        CAST("end" AS BIGINT) / $1 AS bucket,
        perspective, server_ip, server_port, client_ip, outcome, observer, count(*) AS failed
    FROM sessions
    WHERE proto = 6
        AND end_reason <> 'active'
        AND outcome_class = 'failed'
        AND "end" >= $2
        AND "end" < $3
        AND NOT (client_ip >= X'00000000000000000000FFFFA9FE0000' AND client_ip <= X'00000000000000000000FFFFA9FEFFFF')
        AND NOT (client_ip >= X'FE800000000000000000000000000000' AND client_ip <= X'FEBFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')
    GROUP BY CAST("end" AS BIGINT) / $1, perspective, server_ip, server_port, client_ip, outcome, observer
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
