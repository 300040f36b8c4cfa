-- Who failed with whom: the failed TCP sessions of one bucket by server, port, client, outcome and observer.
--
-- $1, $2: bucket start and end, exclusive. The largest rows come first and are kept.
SELECT perspective, server_ip, server_port, client_ip, outcome, observer, count(*) AS failed
FROM sessions
WHERE proto = 6
    AND end_reason <> 'active'
    AND outcome_class = 'failed'
    AND "end" >= $1
    AND "end" < $2
    AND NOT (client_ip >= X'00000000000000000000FFFFA9FE0000' AND client_ip <= X'00000000000000000000FFFFA9FEFFFF')
    AND NOT (client_ip >= X'FE800000000000000000000000000000' AND client_ip <= X'FEBFFFFFFFFFFFFFFFFFFFFFFFFFFFFF')
GROUP BY perspective, server_ip, server_port, client_ip, outcome, observer
ORDER BY failed DESC, perspective, server_ip, server_port, client_ip, outcome, observer
LIMIT 200000
