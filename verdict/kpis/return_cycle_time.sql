-- name:       return_cycle_time
-- definition: From a shopper asking to send goods back to the refund being confirmed at the channel.
-- unit:       s
-- source:     effects return_requested, refund_confirmed
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT r.system AS channel, (min(c.at_ns) - min(r.at_ns)) / 1e9 AS value
FROM   effects AS r
JOIN   effects AS c ON c.ref = r.ref AND c.kind = 'refund_confirmed'
WHERE  r.kind = 'return_requested'
GROUP  BY r.system, r.ref
