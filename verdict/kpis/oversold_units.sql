-- name:       oversold_units
-- definition: Units that a channel sold and the OMS could not allocate.
-- unit:       units
-- source:     effects order_unfillable (data.missing)
-- better:     lower
-- measure:    total
SELECT o.channel, TRY_CAST(m.line ->> '$.quantity' AS BIGINT) AS value
FROM  (SELECT order_ref, unnest(from_json(data -> '$.missing', '["JSON"]')) AS line
       FROM effects WHERE kind = 'order_unfillable') AS m
LEFT   JOIN accepted_orders AS o ON o.order_ref = m.order_ref
