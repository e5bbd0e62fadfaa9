-- name:       order_fallout_rate
-- definition: Share of accepted orders that did not get through by themselves: neither posted nor cancelled, or parked.
-- unit:       ratio
-- source:     effects order_placed, sales_order_posted, order_cancelled; parked exceptions
-- better:     lower
-- measure:    share
SELECT o.channel, (o.parked OR NOT (o.cancelled OR p.order_ref IS NOT NULL))::INTEGER AS part, 1 AS whole
FROM   accepted_orders AS o
LEFT   JOIN (SELECT DISTINCT order_ref FROM effects WHERE kind = 'sales_order_posted') AS p ON p.order_ref = o.order_ref
WHERE  NOT o.before_run
