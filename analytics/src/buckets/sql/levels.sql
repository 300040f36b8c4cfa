-- Failed and attempted TCP sessions per bucket, perspective and series, at every level of roll-up.
--
-- Goes on from attempts.sql. A level is told by which keys are not null. Series beyond the limits are pooled into one row
-- per level. $4: series kept per bucket, perspective and level. $5: of these, those without a failure are kept only up to
-- this rank.
--
-- Each step is read by the next one alone, because the engine keeps no rows of a step: so sessions are read once.
-- Distinct parties are rows of a grouping, never count(DISTINCT): that sets kilobytes aside for every group, and a flood
-- has a million of them.
told AS (
    SELECT
        bucket, perspective, server_ip, server_port, client_ip,
        CASE WHEN outcome_class = 'failed' THEN outcome END AS failure,
        CASE WHEN outcome_class = 'failed' THEN client_ip END AS failing
    FROM attempts
),
-- By server and port, with the client where it failed; and by client alone.
counted AS (
    SELECT
        bucket, perspective, server_ip, server_port, coalesce(failing, client_ip) AS client_ip, failure,
        CASE WHEN server_ip IS NULL THEN 'client' WHEN failing IS NULL THEN 'server' ELSE 'both' END AS counts,
        count(*) AS sessions
    FROM told
    GROUP BY GROUPING SETS (
        (bucket, perspective, server_ip, server_port, failing, failure),
        (bucket, perspective, client_ip, failure)
    )
),
by_outcome AS (
    SELECT
        bucket, perspective, server_ip, server_port, client_ip, counts,
        sessions AS attempts,
        CASE WHEN failure IS NOT NULL THEN sessions ELSE 0 END AS failed,
        CASE WHEN failure = 'no_answer' THEN sessions ELSE 0 END AS no_answer,
        CASE WHEN failure = 'refused' THEN sessions ELSE 0 END AS refused,
        CASE WHEN failure = 'unreachable' THEN sessions ELSE 0 END AS unreachable,
        CASE WHEN failure = 'admin_blocked' THEN sessions ELSE 0 END AS admin_blocked,
        CASE WHEN failure = 'ttl_exceeded' THEN sessions ELSE 0 END AS ttl_exceeded,
        CASE WHEN failure = 'aborted_orig' THEN sessions ELSE 0 END AS aborted_orig,
        CASE WHEN failure = 'half_open' THEN sessions ELSE 0 END AS half_open,
        CASE WHEN failure = 'half_open_reset_orig' THEN sessions ELSE 0 END AS half_open_reset_orig,
        CASE WHEN failure = 'half_open_reset_resp' THEN sessions ELSE 0 END AS half_open_reset_resp
    FROM counted
),
-- Every level, and the pairs and triples of parties that failed, each once; what is not of it is null.
cells AS (
    SELECT
        bucket, perspective,
        CASE WHEN of_server THEN server_ip END AS server_ip,
        CASE WHEN of_port THEN server_port END AS server_port,
        CASE WHEN of_client THEN client_ip END AS client_ip,
        sum(attempts) AS attempts,
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
    FROM by_outcome
    JOIN (VALUES
        ('server', TRUE, TRUE, FALSE), ('server', TRUE, FALSE, FALSE), ('server', FALSE, TRUE, FALSE),
        ('server', FALSE, FALSE, FALSE),
        ('both', TRUE, TRUE, FALSE), ('both', TRUE, FALSE, FALSE), ('both', FALSE, TRUE, FALSE),
        ('both', FALSE, FALSE, FALSE),
        ('both', TRUE, TRUE, TRUE), ('both', TRUE, FALSE, TRUE), ('both', FALSE, TRUE, TRUE),
        ('client', FALSE, FALSE, TRUE)
    ) AS rolled_up (counts, of_server, of_port, of_client) USING (counts)
    GROUP BY
        bucket, perspective,
        CASE WHEN of_server THEN server_ip END,
        CASE WHEN of_port THEN server_port END,
        CASE WHEN of_client THEN client_ip END
),
-- What a cell gives: its counts to the level that it is, and a party to the level that is the cell without that party.
given AS (
    SELECT
        bucket, perspective,
        CASE WHEN NOT no_server THEN server_ip END AS server_ip,
        CASE WHEN NOT no_port THEN server_port END AS server_port,
        CASE WHEN NOT no_client THEN client_ip END AS client_ip,
        own,
        CASE WHEN failed > 0 AND client_ip IS NOT NULL AND (own OR no_client) THEN 1 ELSE 0 END AS clients,
        CASE WHEN failed > 0 AND server_ip IS NOT NULL AND (own OR no_server) THEN 1 ELSE 0 END AS servers,
        CASE WHEN failed > 0 AND server_port IS NOT NULL AND (own OR no_port) THEN 1 ELSE 0 END AS ports,
        attempts, failed, no_answer, refused, unreachable, admin_blocked, ttl_exceeded, aborted_orig, half_open,
        half_open_reset_orig, half_open_reset_resp
    FROM cells
    CROSS JOIN (VALUES
        (TRUE, FALSE, FALSE, FALSE), (FALSE, TRUE, FALSE, FALSE), (FALSE, FALSE, TRUE, FALSE),
        (FALSE, FALSE, FALSE, TRUE)
    ) AS parties (own, no_server, no_port, no_client)
    WHERE own
        OR (failed > 0 AND no_server AND server_ip IS NOT NULL)
        OR (failed > 0 AND no_port AND server_port IS NOT NULL)
        OR (failed > 0 AND no_client AND client_ip IS NOT NULL)
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
        sum(clients) AS clients,
        sum(servers) AS servers,
        sum(ports) AS ports,
        sum(attempts) FILTER (WHERE own) AS attempts,
        sum(failed) FILTER (WHERE own) AS failed,
        sum(no_answer) FILTER (WHERE own) AS no_answer,
        sum(refused) FILTER (WHERE own) AS refused,
        sum(unreachable) FILTER (WHERE own) AS unreachable,
        sum(admin_blocked) FILTER (WHERE own) AS admin_blocked,
        sum(ttl_exceeded) FILTER (WHERE own) AS ttl_exceeded,
        sum(aborted_orig) FILTER (WHERE own) AS aborted_orig,
        sum(half_open) FILTER (WHERE own) AS half_open,
        sum(half_open_reset_orig) FILTER (WHERE own) AS half_open_reset_orig,
        sum(half_open_reset_resp) FILTER (WHERE own) AS half_open_reset_resp
    FROM given
    WHERE client_ip IS NULL OR (server_ip IS NULL AND server_port IS NULL)
    GROUP BY bucket, perspective, server_ip, server_port, client_ip
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
