-- name:       inventory_variance
-- definition: Units by which what a channel lists at the end differs from what the OMS last computed, up or down.
-- unit:       units
-- source:     effects availability_computed, availability_listed
-- better:     lower
-- measure:    total
WITH computed AS (
    SELECT sku, arg_max(on_hand, version) AS units FROM effects
    WHERE  kind = 'availability_computed' AND actor IS DISTINCT FROM 'before-run' GROUP BY sku
), listed AS (
    SELECT system AS channel, sku, arg_max(on_hand, (at_ns, effect_id)) AS units FROM effects
    WHERE  kind = 'availability_listed' GROUP BY system, sku
)
SELECT l.channel, abs(l.units - c.units) AS value
FROM   computed AS c JOIN listed AS l ON l.sku = c.sku
