-- name:       fulfilment_latency
-- definition: From a shopper's order to its first parcel leaving the warehouse.
-- unit:       s
-- source:     effects order_placed, shipment_confirmed
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT o.channel, (s.at_ns - o.placed_ns) / 1e9 AS value
FROM   accepted_orders AS o
JOIN  (SELECT order_ref, min(at_ns) AS at_ns FROM effects WHERE kind = 'shipment_confirmed' AND len(lines) > 0 GROUP BY order_ref) AS s
       ON s.order_ref = o.order_ref
WHERE  NOT o.before_run
