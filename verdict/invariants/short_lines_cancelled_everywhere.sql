-- claim:    What the warehouse gave up on is cancelled in the OMS, in the ERP and on the channel.
-- flow:     order-to-ship
-- class:    consistency
-- severity: major
-- step:     54
-- cause:    A short shipment is taken for a whole one: what was not shipped is never cancelled in the other systems.
-- remedy:   On shipment.confirmed with short lines, cancel those units in OMS, ERP and channel, and void the rest of the payment.
WITH short AS (
    SELECT order_ref, line_id, sum(quantity)::BIGINT AS quantity, list(DISTINCT effect_id) AS effect_ids
    FROM   short_lines WHERE quantity > 0 GROUP BY order_ref, line_id
), cancelled AS ( -- a whole cancellation covers every line
    SELECT c.order_ref, coalesce(c.line_id, l.line_id) AS line_id,
           CASE WHEN c.system IN ('oms', 'erp') THEN c.system ELSE 'channel' END AS place,
           sum(coalesce(c.quantity, l.quantity)) AS quantity, list(DISTINCT c.effect_id) AS effect_ids
    FROM   cancelled_lines AS c
    JOIN   order_lines AS l ON l.order_ref = c.order_ref AND (c.line_id IS NULL OR c.line_id = l.line_id)
    GROUP  BY ALL
), checked AS (
    SELECT s.order_ref, s.line_id, s.quantity, p.place, coalesce(c.quantity, 0) >= s.quantity AS done,
           list_concat(s.effect_ids, c.effect_ids) AS effect_ids
    FROM   short AS s
    CROSS  JOIN (VALUES ('oms'), ('erp'), ('channel')) AS p (place) -- three rows: no product of tables
    LEFT   JOIN cancelled AS c ON c.order_ref = s.order_ref AND c.line_id = s.line_id AND c.place = p.place
)
SELECT k.order_ref                                                                                AS subject,
       due(bool_and(k.done) OR any_value(coalesce(o.parked, false)), any_value(coalesce(o.owed, false))) AS holds,
       coalesce('short, but not cancelled: ' ||
                string_agg(format('line {} × {} in {}', k.line_id, k.quantity, k.place), ', ') FILTER (WHERE NOT k.done),
                'short lines cancelled everywhere')                                               AS finding,
       list_distinct(flatten(list(k.effect_ids)))                                                 AS evidence,
       NULL                                                                                       AS guilty
FROM   checked AS k
LEFT   JOIN accepted_orders AS o ON o.order_ref = k.order_ref
GROUP  BY k.order_ref
