-- name:       manual_touch_rate
-- definition: Share of accepted orders that wait for a person, as parked exceptions, at the end of the run.
-- unit:       ratio
-- source:     effects order_placed; parked exceptions
-- better:     lower
-- measure:    share
SELECT channel, parked::INTEGER AS part, 1 AS whole
FROM   accepted_orders WHERE NOT before_run
