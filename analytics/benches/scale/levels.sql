-- Failed and attempted TCP sessions per bucket, perspective and series, at every level of roll-up: for other engines
-- (peers.py).
--
-- {attempted} are the conditions of src/buckets/sql/attempts.sql, which says what an attempt is.
-- A level is told by which keys are not null. Series beyond the limits are pooled into one row per level.
-- $1: bucket span, microseconds. $2, $3: first bucket start and end of the last, exclusive. $4: series kept per
-- bucket, perspective and level. $5: of these, those without a failure are kept only up to this rank.
--
-- All are counted by client and server port first, then by level. Distinct parties are rows of a grouping, never
-- count(DISTINCT): that sets kilobytes aside for every group, and a flood has a million of them.
WITH attempts AS (
    SELECT bucket, perspective, server_ip, server_port, client_ip, sum(sessions) AS attempts
    FROM (
        SELECT
            CAST("end" AS BIGINT) / $1 AS bucket, perspective, server_ip, server_port, client_ip, count(*) AS sessions
        FROM sessions
        WHERE {attempted}
        GROUP BY CAST("end" AS BIGINT) / $1, perspective, server_ip, server_port, client_ip
    )
    GROUP BY GROUPING SETS (
        (bucket, perspective, server_ip, server_port),
        (bucket, perspective, server_ip),
        (bucket, perspective, server_port),
        (bucket, perspective, client_ip),
        (bucket, perspective)
    )
),
failed AS (
    SELECT
        CAST("end" AS BIGINT) / $1 AS bucket, perspective, server_ip, server_port, client_ip,
        count(*) AS failed,
        count(*) FILTER (WHERE outcome = 'no_answer') AS no_answer,
        count(*) FILTER (WHERE outcome = 'refused') AS refused,
        count(*) FILTER (WHERE outcome = 'unreachable') AS unreachable,
        count(*) FILTER (WHERE outcome = 'admin_blocked') AS admin_blocked,
        count(*) FILTER (WHERE outcome = 'ttl_exceeded') AS ttl_exceeded,
        count(*) FILTER (WHERE outcome = 'aborted_orig') AS aborted_orig,
        count(*) FILTER (WHERE outcome = 'half_open') AS half_open,
        count(*) FILTER (WHERE outcome = 'half_open_reset_orig') AS half_open_reset_orig,
        count(*) FILTER (WHERE outcome = 'half_open_reset_resp') AS half_open_reset_resp
    FROM sessions
    WHERE {attempted} AND outcome_class = 'failed'
    GROUP BY CAST("end" AS BIGINT) / $1, perspective, server_ip, server_port, client_ip
),
-- Each party that failed, and each pair of two, once; what is not of it is null.
parties AS (
    SELECT bucket, perspective, server_ip, server_port, client_ip
    FROM failed
    GROUP BY GROUPING SETS (
        (bucket, perspective, server_ip, client_ip),
        (bucket, perspective, server_port, client_ip),
        (bucket, perspective, server_ip, server_port),
        (bucket, perspective, server_ip),
        (bucket, perspective, server_port),
        (bucket, perspective, client_ip)
    )
),
pairs AS (
    SELECT * FROM parties
    WHERE (CASE WHEN server_ip IS NULL THEN 0 ELSE 1 END) + (CASE WHEN server_port IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN client_ip IS NULL THEN 0 ELSE 1 END) = 2
),
singles AS (
    SELECT * FROM parties
    WHERE (CASE WHEN server_ip IS NULL THEN 0 ELSE 1 END) + (CASE WHEN server_port IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN client_ip IS NULL THEN 0 ELSE 1 END) = 1
),
-- A party's distinct partners are the pairs that it is in.
partners AS (
    SELECT
        bucket, perspective, server_ip, NULL AS server_port, NULL AS client_ip,
        count(client_ip) AS clients, 1 AS servers, count(server_port) AS ports
    FROM pairs WHERE server_ip IS NOT NULL GROUP BY bucket, perspective, server_ip
    UNION ALL
    SELECT bucket, perspective, NULL, server_port, NULL, count(client_ip), count(server_ip), 1
    FROM pairs WHERE server_port IS NOT NULL GROUP BY bucket, perspective, server_port
    UNION ALL
    SELECT bucket, perspective, NULL, NULL, client_ip, 1, count(server_ip), count(server_port)
    FROM pairs WHERE client_ip IS NOT NULL GROUP BY bucket, perspective, client_ip
    UNION ALL
    SELECT bucket, perspective, NULL, NULL, NULL, count(client_ip), count(server_ip), count(server_port)
    FROM singles GROUP BY bucket, perspective
    UNION ALL
    SELECT bucket, perspective, server_ip, server_port, NULL, count(*), 1, 1
    FROM failed GROUP BY bucket, perspective, server_ip, server_port
),
sums AS (
    SELECT
        bucket, perspective, server_ip, server_port, client_ip,
        sum(failed) AS failed,
        sum(no_answer) AS no_answer,
        sum(refused) AS refused,
        sum(unreachable) AS unreachable,
        sum(admin_blocked) AS admin_blocked,
        sum(ttl_exceeded) AS ttl_exceeded,
        sum(aborted_orig) AS aborted_orig,
        sum(half_open) AS half_open,
        sum(half_open_reset_orig) AS half_open_reset_orig,
        sum(half_open_reset_resp) AS half_open_reset_resp
    FROM failed
    GROUP BY GROUPING SETS (
        (bucket, perspective, server_ip, server_port),
        (bucket, perspective, server_ip),
        (bucket, perspective, server_port),
        (bucket, perspective, client_ip),
        (bucket, perspective)
    )
),
failures AS (
    SELECT
        bucket, perspective, server_ip, server_port, client_ip,
        sum(clients) AS clients, sum(servers) AS servers, sum(ports) AS ports, sum(failed) AS failed,
        sum(no_answer) AS no_answer,
        sum(refused) AS refused,
        sum(unreachable) AS unreachable,
        sum(admin_blocked) AS admin_blocked,
        sum(ttl_exceeded) AS ttl_exceeded,
        sum(aborted_orig) AS aborted_orig,
        sum(half_open) AS half_open,
        sum(half_open_reset_orig) AS half_open_reset_orig,
        sum(half_open_reset_resp) AS half_open_reset_resp
    FROM (
        SELECT
            bucket, perspective, server_ip, server_port, client_ip, clients, servers, ports, 0 AS failed,
            0 AS no_answer, 0 AS refused, 0 AS unreachable, 0 AS admin_blocked, 0 AS ttl_exceeded,
            0 AS aborted_orig, 0 AS half_open, 0 AS half_open_reset_orig, 0 AS half_open_reset_resp
        FROM partners
        UNION ALL
        SELECT
            bucket, perspective, server_ip, server_port, client_ip, 0, 0, 0, failed,
            no_answer, refused, unreachable, admin_blocked, ttl_exceeded, aborted_orig,
            half_open, half_open_reset_orig, half_open_reset_resp
        FROM sums
    )
    GROUP BY bucket, perspective, server_ip, server_port, client_ip
),
series AS (
    SELECT
        a.bucket, a.perspective, a.server_ip, a.server_port, a.client_ip, a.attempts,
        CASE
            WHEN a.server_ip IS NOT NULL AND a.server_port IS NOT NULL THEN 'server_port'
            WHEN a.server_ip IS NOT NULL THEN 'server'
            WHEN a.server_port IS NOT NULL THEN 'port'
            WHEN a.client_ip IS NOT NULL THEN 'client'
            ELSE 'perspective'
        END AS level,
        coalesce(f.failed, 0) AS failed,
        coalesce(f.clients, 0) AS clients,
        coalesce(f.servers, 0) AS servers,
        coalesce(f.ports, 0) AS ports,
        coalesce(f.no_answer, 0) AS no_answer,
        coalesce(f.refused, 0) AS refused,
        coalesce(f.unreachable, 0) AS unreachable,
        coalesce(f.admin_blocked, 0) AS admin_blocked,
        coalesce(f.ttl_exceeded, 0) AS ttl_exceeded,
        coalesce(f.aborted_orig, 0) AS aborted_orig,
        coalesce(f.half_open, 0) AS half_open,
        coalesce(f.half_open_reset_orig, 0) AS half_open_reset_orig,
        coalesce(f.half_open_reset_resp, 0) AS half_open_reset_resp
    FROM attempts a
    LEFT JOIN failures f
        -- Without the parentheses the right side of the first comparison is all the rest.
        ON (a.bucket IS NOT DISTINCT FROM f.bucket)
        AND (a.perspective IS NOT DISTINCT FROM f.perspective)
        AND (a.server_ip IS NOT DISTINCT FROM f.server_ip)
        AND (a.server_port IS NOT DISTINCT FROM f.server_port)
        AND (a.client_ip IS NOT DISTINCT FROM f.client_ip)
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
