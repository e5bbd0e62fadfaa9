-- claim:    What its channel shows as cancelled never leaves the warehouse.
-- flow:     order-to-ship, cancel
-- class:    consistency
-- severity: critical
-- step:     70
-- cause:    A cancellation is accepted without asking the warehouse first, or the two race and nobody looks who won.
-- remedy:   Ask the warehouse first and accept a cancellation only when it has stopped the order; when it is too late, decline.
WITH cancelled AS (
    SELECT c.order_ref, coalesce(c.line_id, l.line_id) AS line_id, sum(coalesce(c.quantity, l.quantity)) AS quantity,
           list(DISTINCT c.effect_id) AS effect_ids, arg_max(c.effect_id, c.at_ns) AS last_id
    FROM   cancelled_lines AS c
    JOIN   order_lines AS l ON l.order_ref = c.order_ref AND (c.line_id IS NULL OR c.line_id = l.line_id)
    WHERE  c.system NOT IN ('oms', 'erp')
    GROUP  BY ALL
), shipped AS (
    SELECT order_ref, line_id, sum(quantity) AS quantity, list(DISTINCT effect_id) AS effect_ids
    FROM   shipped_lines GROUP BY ALL
)
SELECT c.order_ref                                                                        AS subject,
       bool_and(coalesce(s.quantity, 0) + c.quantity <= l.quantity)                       AS holds,
       coalesce(string_agg(format('line {}: {} ordered, {} cancelled, {} shipped', c.line_id, l.quantity,
                                  c.quantity::BIGINT, s.quantity::BIGINT), '; ' ORDER BY c.line_id)
                  FILTER (WHERE s.quantity + c.quantity > l.quantity), 'nothing cancelled was shipped') AS finding,
       list_distinct(list_concat(flatten(list(c.effect_ids)), flatten(list(s.effect_ids)))) AS evidence,
       min(c.last_id) FILTER (WHERE s.quantity + c.quantity > l.quantity)                 AS guilty
FROM   cancelled AS c
JOIN   order_lines AS l ON l.order_ref = c.order_ref AND l.line_id = c.line_id
LEFT   JOIN shipped AS s ON s.order_ref = c.order_ref AND s.line_id = c.line_id
GROUP  BY c.order_ref
