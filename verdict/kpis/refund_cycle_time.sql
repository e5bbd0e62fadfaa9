-- name:       refund_cycle_time
-- definition: From returned goods reaching the warehouse to their refund being confirmed at the channel.
-- unit:       s
-- source:     effects return_received, refund_confirmed
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT any_value(system) FILTER (WHERE kind = 'refund_confirmed') AS channel,
       (min(at_ns) FILTER (WHERE kind = 'refund_confirmed') - min(at_ns) FILTER (WHERE kind = 'return_received')) / 1e9 AS value
FROM   effects
WHERE  kind IN ('return_received', 'refund_confirmed')
GROUP  BY ref
HAVING value IS NOT NULL
