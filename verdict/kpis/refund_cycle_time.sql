-- name:       refund_cycle_time
-- definition: From returned goods reaching the warehouse to their refund being confirmed at the channel.
-- unit:       s
-- source:     effects return_received, refund_confirmed
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT c.channel, (c.at_ns - r.at_ns) / 1e9 AS value
FROM  (SELECT ref, min(at_ns) AS at_ns FROM effects WHERE kind = 'return_received' GROUP BY ref) AS r
JOIN  (SELECT ref, min(at_ns) AS at_ns, any_value(system) AS channel FROM effects WHERE kind = 'refund_confirmed' GROUP BY ref) AS c
       ON c.ref = r.ref
