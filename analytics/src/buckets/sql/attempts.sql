-- Attempted TCP sessions of each bucket, and how they failed, if they did.
--
-- An attempt is a final record with a known end (established or failed) whose client is not link-local.
-- $1: bucket span, microseconds. $2, $3: first bucket start and end of the last, exclusive.
SELECT
    CAST("end" AS BIGINT) / $1 AS bucket, perspective, server_ip, server_port, client_ip,
    CASE WHEN outcome_class = 'failed' THEN outcome END AS failure
FROM sessions
WHERE proto = 6
    AND end_reason <> 'active'
    AND outcome_class IN ('established', 'failed')
    AND "end" >= $2
    AND "end" < $3
    AND NOT (client_ip >= X'00000000000000000000FFFFA9FE0000' AND client_ip <= X'00000000000000000000FFFFA9FEFFFF')
    AND NOT (client_ip >= X'FE800000000000000000000000000000' AND client_ip <= X'FEBFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')
