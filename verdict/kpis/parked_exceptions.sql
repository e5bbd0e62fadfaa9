-- name:       parked_exceptions
-- definition: Orders that the middleware still shows as given up on at the end of the run; by reason: the last refusal that a system gave for the order.
-- unit:       orders
-- source:     the middleware's list of parked exceptions; calls that were refused, effects sales_order_rejected
-- better:     lower
-- measure:    total
-- by:         reason
WITH refusals AS (
    SELECT order_ref, at_ns, coalesce(error, 'http_' || status) AS reason FROM troubled_calls WHERE outcome = 'refused'
    UNION  ALL
    SELECT order_ref, at_ns, split_part(cause, ' ', 1) FROM effects WHERE kind = 'sales_order_rejected'
), last_refusals AS (
    SELECT order_ref, arg_max(reason, at_ns) AS reason FROM refusals GROUP BY order_ref
)
SELECT o.channel, coalesce(r.reason, 'never_refused') AS reason, 1 AS value
FROM  (SELECT DISTINCT order_ref FROM parked) AS p
LEFT   JOIN accepted_orders AS o ON o.order_ref = p.order_ref
LEFT   JOIN last_refusals AS r ON r.order_ref = p.order_ref
