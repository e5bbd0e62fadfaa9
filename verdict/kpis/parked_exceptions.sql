-- name:       parked_exceptions
-- definition: Orders that the middleware still shows as given up on at the end of the run.
-- unit:       orders
-- source:     the middleware's list of parked exceptions
-- better:     lower
-- measure:    total
SELECT o.channel, 1 AS value
FROM  (SELECT DISTINCT order_ref FROM parked) AS p
LEFT   JOIN accepted_orders AS o ON o.order_ref = p.order_ref
