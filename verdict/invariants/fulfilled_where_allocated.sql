-- claim:    Each part is requested from the location where it was allocated.
-- flow:     order-to-ship
-- class:    consistency
-- severity: major
-- step:     39
-- cause:    A default location stands in for the allocated one, or the parts of a split order are mixed up.
-- remedy:   Send each part of order.allocated with its own location, and request it nowhere else.
WITH parts AS (
    SELECT order_ref, effect_id, part ->> '$.part_id' AS part_id, part ->> '$.location' AS location
    FROM  (SELECT order_ref, effect_id, unnest(from_json(data -> '$.parts', '["JSON"]')) AS part
           FROM effects WHERE kind = 'order_allocated')
), requested AS (
    SELECT order_ref, ref AS part_id, effect_id, at_ns, coalesce(location, data ->> '$.location') AS location
    FROM   effects WHERE kind = 'fulfilment_requested' AND actor IS NULL
)
SELECT r.order_ref                                                                        AS subject,
       bool_and(coalesce(r.location = p.location, true))                                  AS holds,
       coalesce(string_agg(format('part {} is allocated at {} and was requested from {}', r.part_id, p.location, r.location), '; '
                           ORDER BY r.at_ns) FILTER (WHERE r.location <> p.location), 'each part where it is allocated') AS finding,
       list_concat(list(DISTINCT p.effect_id), list(r.effect_id ORDER BY r.at_ns))        AS evidence,
       arg_min(r.effect_id, r.at_ns) FILTER (WHERE r.location <> p.location)              AS guilty
FROM   requested AS r
JOIN   parts AS p ON p.order_ref = r.order_ref AND p.part_id = r.part_id
GROUP  BY r.order_ref
