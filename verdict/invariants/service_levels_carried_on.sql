-- claim:    The warehouse is told the priority, the date and the service level that the shopper was promised.
-- flow:     order-to-ship
-- class:    consistency
-- severity: major
-- step:     41
-- cause:    A field is left out of a mapping, or a default stands in for it.
-- remedy:   Carry priority, ship_by and service_level from the order into every fulfilment request, with their time zone.
WITH requested AS (
    SELECT order_ref, effect_id, at_ns, json_extract_string(data, ['$.priority', '$.ship_by', '$.service_level']) AS said
    FROM   effects WHERE kind = 'fulfilment_requested' AND actor IS NULL
), compared AS (
    SELECT o.order_ref, o.effect_id AS placed_id, r.effect_id, r.at_ns,
           CASE WHEN TRY_CAST(r.said[1] AS BIGINT) <> o.priority THEN format('priority {} became {}', o.priority, r.said[1]) END AS priority,
           CASE WHEN r.said[2] = o.ship_by THEN NULL
                WHEN TRY_CAST(r.said[2] AS TIMESTAMPTZ) IS DISTINCT FROM TRY_CAST(o.ship_by AS TIMESTAMPTZ)
                THEN format('ship by {} became {}', o.ship_by, coalesce(r.said[2], 'nothing')) END AS ship_by,
           CASE WHEN r.said[3] <> o.service_level THEN format('{} became {}', o.service_level, r.said[3]) END AS service_level
    FROM   requested AS r
    JOIN   accepted_orders AS o ON o.order_ref = r.order_ref
    WHERE  o.ship_by IS NOT NULL
)
SELECT order_ref                                                                          AS subject,
       count(priority) + count(ship_by) + count(service_level) = 0                        AS holds,
       coalesce(string_agg(nullif(concat_ws(', ', priority, ship_by, service_level), ''), '; ' ORDER BY at_ns), 'as promised') AS finding,
       list_concat([any_value(placed_id)], list(effect_id ORDER BY at_ns))                AS evidence,
       arg_min(effect_id, at_ns) FILTER (WHERE priority IS NOT NULL OR ship_by IS NOT NULL OR service_level IS NOT NULL) AS guilty
FROM   compared
GROUP  BY order_ref
