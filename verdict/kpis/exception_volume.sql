-- name:       exception_volume
-- definition: Times that a change of the middleware was refused, failed or went unanswered, or that the ERP rejected an order; by the code of the refusal, and by system.
-- unit:       exceptions
-- source:     calls that change state, effects sales_order_rejected
-- better:     lower
-- measure:    total
-- by:         reason, system
SELECT o.channel, x.reason, x.system, 1 AS value
FROM  (SELECT order_ref, system, coalesce(error, 'http_' || status, 'no_answer') AS reason
       FROM   troubled_calls WHERE outcome <> 'ok'
       UNION  ALL
       SELECT order_ref, system, coalesce(split_part(cause, ' ', 1), 'rejected')
       FROM   effects WHERE kind = 'sales_order_rejected') AS x
LEFT   JOIN accepted_orders AS o ON o.order_ref = x.order_ref
