-- Failed and attempted TCP sessions per bucket, perspective and series, at every level of roll-up.
--
-- An attempt is a final record with a known end (established or failed) whose client is not link-local.
-- A level is told by which keys are not null. Series beyond the limits are pooled into one row per level.
-- $1: bucket span, microseconds. $2, $3: first bucket start and end of the last, exclusive. $4: series kept per
-- bucket, perspective and level. $5: of these, those without a failure are kept only up to this rank.
WITH attempts AS (
    SELECT
        CAST("end" AS BIGINT) / $1 AS bucket,
        perspective, server_ip, server_port, client_ip, outcome, outcome_class = 'failed' AS failed,
        CASE WHEN outcome_class = 'failed' THEN server_ip END AS failed_server,
        CASE WHEN outcome_class = 'failed' THEN server_port END AS failed_port,
        CASE WHEN outcome_class = 'failed' THEN client_ip END AS failed_client
    FROM sessions
    WHERE proto = 6
        AND end_reason <> 'active'
        AND outcome_class IN ('established', 'failed')
        AND "end" >= $2
        AND "end" < $3
        AND NOT (client_ip >= X'00000000000000000000FFFFA9FE0000' AND client_ip <= X'00000000000000000000FFFFA9FEFFFF')
        AND NOT (client_ip >= X'FE800000000000000000000000000000' AND client_ip <= X'FEBFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')
),
series AS (
    SELECT
        bucket, perspective, server_ip, server_port, client_ip,
        CASE
            WHEN server_ip IS NOT NULL AND server_port IS NOT NULL THEN 'server_port'
            WHEN server_ip IS NOT NULL THEN 'server'
            WHEN server_port IS NOT NULL THEN 'port'
            WHEN client_ip IS NOT NULL THEN 'client'
            ELSE 'perspective'
        END AS level,
        count(*) AS attempts,
        count(*) FILTER (WHERE failed) AS failed,
        count(DISTINCT failed_client) AS clients,
        count(DISTINCT failed_server) AS servers,
        count(DISTINCT failed_port) AS ports,
        count(*) FILTER (WHERE outcome = 'no_answer') AS no_answer,
        count(*) FILTER (WHERE outcome = 'refused') AS refused,
        count(*) FILTER (WHERE outcome = 'unreachable') AS unreachable,
        count(*) FILTER (WHERE outcome = 'admin_blocked') AS admin_blocked,
        count(*) FILTER (WHERE outcome = 'ttl_exceeded') AS ttl_exceeded,
        count(*) FILTER (WHERE outcome = 'aborted_orig') AS aborted_orig,
        count(*) FILTER (WHERE outcome = 'half_open') AS half_open,
        count(*) FILTER (WHERE outcome = 'half_open_reset_orig') AS half_open_reset_orig,
        count(*) FILTER (WHERE outcome = 'half_open_reset_resp') AS half_open_reset_resp
    FROM attempts
    GROUP BY GROUPING SETS (
        (bucket, perspective, server_ip, server_port),
        (bucket, perspective, server_ip),
        (bucket, perspective, server_port),
        (bucket, perspective, client_ip),
        (bucket, perspective)
    )
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY bucket, perspective, level
            ORDER BY failed DESC, attempts DESC, server_ip, server_port, client_ip
        ) AS place
    FROM series
),
marked AS (
    SELECT *, place > $4 OR (failed = 0 AND place > $5) AS pooled FROM ranked
)
SELECT
    bucket, perspective, level,
    CASE WHEN NOT pooled THEN server_ip END AS server_ip,
    CASE WHEN NOT pooled THEN server_port END AS server_port,
    CASE WHEN NOT pooled THEN client_ip END AS client_ip,
    pooled,
    count(*) AS members,
    sum(attempts) AS attempts,
    sum(failed) AS failed,
    max(failed) AS highest,
    sum(clients) AS clients,
    sum(servers) AS servers,
    sum(ports) AS ports,
    sum(no_answer) AS no_answer,
    sum(refused) AS refused,
    sum(unreachable) AS unreachable,
    sum(admin_blocked) AS admin_blocked,
    sum(ttl_exceeded) AS ttl_exceeded,
    sum(aborted_orig) AS aborted_orig,
    sum(half_open) AS half_open,
    sum(half_open_reset_orig) AS half_open_reset_orig,
    sum(half_open_reset_resp) AS half_open_reset_resp
FROM marked
GROUP BY
    bucket, perspective, level, pooled,
    CASE WHEN NOT pooled THEN server_ip END,
    CASE WHEN NOT pooled THEN server_port END,
    CASE WHEN NOT pooled THEN client_ip END
ORDER BY bucket, perspective, level, pooled, server_ip, server_port, client_ip
