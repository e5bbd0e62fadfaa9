-- name:       order_age
-- definition: How long orders are open: from being placed until all of it is shipped or cancelled at the channel (posted, where only order-to-erp is judged); of one that still is, until the end of the record.
-- unit:       s
-- source:     effects order_placed, shipment_recorded, order_cancelled, lines_cancelled, sales_order_posted
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
WITH closed AS (
    SELECT order_ref, min(at_ns) AS at_ns FROM effects
    WHERE  kind = 'order_cancelled'
       OR (kind IN ('shipment_recorded', 'lines_cancelled') AND status NOT IN ('placed', 'acknowledged', 'partially_shipped'))
       OR (kind = 'sales_order_posted' AND judged('order-to-erp') AND NOT judged('order-to-ship'))
    GROUP  BY order_ref
)
SELECT o.channel, (coalesce(c.at_ns, (SELECT max(at_ns) FROM effects)) - o.placed_ns) / 1e9 AS value
FROM   accepted_orders AS o
LEFT   JOIN closed AS c ON c.order_ref = o.order_ref
WHERE  NOT o.before_run
