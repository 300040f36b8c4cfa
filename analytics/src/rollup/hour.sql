-- Who had how many sessions with whom, and how they ended: the sessions of one hour by client, server, port and outcome.
--
-- $1, $2: start of the hour and its end, exclusive. $3: rows kept for each class of outcome, those with the most sessions;
-- the others are summed by perspective, protocol and outcome, with null addresses and ports.
WITH parts AS (
    SELECT
        perspective, proto, server_ip, server_port, client_ip, outcome, outcome_class,
        count(*) AS sessions, sum(client_bytes) AS client_bytes, sum(server_bytes) AS server_bytes
    FROM sessions
    WHERE end_reason <> 'active' AND "end" >= $1 AND "end" < $2
    GROUP BY perspective, proto, server_ip, server_port, client_ip, outcome, outcome_class
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY outcome_class
            ORDER BY sessions DESC, perspective, proto, server_ip, server_port, client_ip, outcome
        ) > $3 AS pooled
    FROM parts
)
SELECT
    perspective, proto,
    CASE WHEN NOT pooled THEN server_ip END AS server_ip,
    CASE WHEN NOT pooled THEN server_port END AS server_port,
    CASE WHEN NOT pooled THEN client_ip END AS client_ip,
    outcome, outcome_class,
    sum(sessions) AS sessions, sum(client_bytes) AS client_bytes, sum(server_bytes) AS server_bytes
FROM ranked
GROUP BY
    perspective, proto,
    CASE WHEN NOT pooled THEN server_ip END,
    CASE WHEN NOT pooled THEN server_port END,
    CASE WHEN NOT pooled THEN client_ip END,
    outcome, outcome_class
