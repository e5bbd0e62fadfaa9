-- name:       orders_without_reservation
-- definition: Share of accepted orders for which the OMS could not reserve the goods.
-- unit:       ratio
-- source:     effects order_placed, order_unfillable
-- better:     lower
-- measure:    share
SELECT channel, unfillable::INTEGER AS part, 1 AS whole
FROM   accepted_orders WHERE NOT before_run
