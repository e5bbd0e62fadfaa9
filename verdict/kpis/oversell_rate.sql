-- name:       oversell_rate
-- definition: Share of the units that a channel sold which the OMS could not allocate.
-- unit:       ratio
-- source:     effects order_placed, order_unfillable (data.missing)
-- better:     lower
-- measure:    share
SELECT o.channel, coalesce(m.units, 0) AS part, l.units AS whole
FROM   accepted_orders AS o
JOIN  (SELECT order_ref, sum(quantity) AS units FROM order_lines GROUP BY order_ref) AS l ON l.order_ref = o.order_ref
LEFT   JOIN (SELECT order_ref, sum(TRY_CAST(line ->> '$.quantity' AS BIGINT)) AS units
             FROM  (SELECT order_ref, unnest(from_json(data -> '$.missing', '["JSON"]')) AS line
                    FROM effects WHERE kind = 'order_unfillable')
             GROUP BY order_ref) AS m ON m.order_ref = o.order_ref
WHERE  NOT o.before_run
