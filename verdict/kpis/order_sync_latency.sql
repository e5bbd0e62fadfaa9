-- name:       order_sync_latency
-- definition: From an order being placed to its sales order being posted in the ERP.
-- unit:       s
-- source:     effects order_placed, sales_order_posted
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
SELECT o.channel, (min(p.at_ns) - o.placed_ns) / 1e9 AS value
FROM   accepted_orders AS o
JOIN   effects AS p ON p.order_ref = o.order_ref AND p.kind = 'sales_order_posted'
WHERE  NOT o.before_run
GROUP  BY o.order_ref, o.channel, o.placed_ns
