-- name:       order_release_latency
-- definition: From an order being placed to the warehouse being asked for its first part.
-- unit:       s
-- source:     effects order_placed, fulfilment_requested
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT o.channel, (min(f.at_ns) - o.placed_ns) / 1e9 AS value
FROM   accepted_orders AS o
JOIN   effects AS f ON f.order_ref = o.order_ref AND f.kind = 'fulfilment_requested'
WHERE  NOT o.before_run
GROUP  BY o.order_ref, o.channel, o.placed_ns
