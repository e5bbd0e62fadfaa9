-- claim:    The parts of a split order add up: line by line, what was shipped and what was cancelled is what was ordered.
-- flow:     order-to-ship
-- class:    consistency
-- severity: critical
-- step:     73
-- general:  yes
-- cause:    The second part overwrites the first, or each part is taken for the whole order.
-- remedy:   Follow each allocated part and each shipment on its own, and cancel what no part will bring.
WITH split AS (
    SELECT order_ref FROM effects WHERE kind = 'shipment_confirmed' GROUP BY order_ref HAVING count(*) > 1
), units AS (
    SELECT order_ref, line_id, quantity AS shipped, 0 AS cancelled, effect_id FROM shipped_lines SEMI JOIN split USING (order_ref)
    UNION  ALL
    SELECT c.order_ref, coalesce(c.line_id, l.line_id), 0, coalesce(c.quantity, l.quantity), c.effect_id
    FROM   cancelled_lines AS c
    SEMI   JOIN split AS s ON s.order_ref = c.order_ref
    JOIN   order_lines AS l ON l.order_ref = c.order_ref AND (c.line_id IS NULL OR c.line_id = l.line_id)
    WHERE  c.system NOT IN ('oms', 'erp')
), sums AS (
    SELECT order_ref, line_id, sum(shipped)::BIGINT AS shipped, sum(cancelled)::BIGINT AS cancelled, list(DISTINCT effect_id) AS effect_ids
    FROM   units GROUP BY order_ref, line_id
), compared AS (
    SELECT l.order_ref, l.line_id, l.quantity, coalesce(s.shipped, 0) AS shipped, coalesce(s.cancelled, 0) AS cancelled, s.effect_ids
    FROM   order_lines AS l
    SEMI   JOIN split AS p ON p.order_ref = l.order_ref
    LEFT   JOIN sums AS s ON s.order_ref = l.order_ref AND s.line_id = l.line_id
)
SELECT c.order_ref                                                                        AS subject,
       CASE WHEN bool_or(c.shipped + c.cancelled > c.quantity) THEN false
            ELSE due(bool_and(c.shipped + c.cancelled = c.quantity) OR any_value(o.parked), any_value(o.owed)) END AS holds,
       coalesce(string_agg(format('line {}: {} ordered, {} shipped, {} cancelled', c.line_id, c.quantity, c.shipped, c.cancelled), '; ' ORDER BY c.line_id)
                  FILTER (WHERE c.shipped + c.cancelled <> c.quantity), 'every part accounted for') AS finding,
       list_concat([any_value(o.effect_id)], list_distinct(flatten(list(c.effect_ids) FILTER (WHERE c.effect_ids IS NOT NULL)))) AS evidence,
       NULL                                                                               AS guilty
FROM   compared AS c
JOIN   accepted_orders AS o ON o.order_ref = c.order_ref
GROUP  BY c.order_ref
