-- claim:    After settling, channel, OMS, ERP, WMS and payments tell the same story about every order.
-- flow:     order-to-erp, order-to-ship, cancel, return-to-refund
-- class:    consistency
-- severity: critical
-- step:     98
-- general:  yes
-- cause:    One system was not told of the end of an order: a step failed, and the others went on.
-- remedy:   Carry every outcome to every system, retried until done; reconcile by polling for the orders that stand still.
WITH stories (story, place, status) AS ( -- the table in docs/flows.md
    VALUES ('waiting', 'channel', 'placed'), ('waiting', 'channel', 'acknowledged'),
           ('waiting', 'oms', 'created'), ('waiting', 'oms', 'allocated'),
           ('waiting', 'erp', 'received'), ('waiting', 'erp', 'posted'),
           ('waiting', 'wms', 'none'), ('waiting', 'wms', 'requested'), ('waiting', 'wms', 'picking'),
           ('waiting', 'payments', 'authorised'),
           ('part shipped', 'channel', 'partially_shipped'), ('part shipped', 'oms', 'partially_shipped'),
           ('part shipped', 'erp', 'partially_invoiced'), ('part shipped', 'wms', 'partially_shipped'),
           ('part shipped', 'payments', 'partially_captured'),
           ('shipped', 'channel', 'shipped'), ('shipped', 'oms', 'shipped'), ('shipped', 'erp', 'invoiced'),
           ('shipped', 'wms', 'shipped'), ('shipped', 'payments', 'captured'),
           ('cancelled', 'channel', 'cancelled'),
           ('cancelled', 'oms', 'cancelled'), ('cancelled', 'oms', 'unfillable'), ('cancelled', 'oms', 'none'),
           ('cancelled', 'erp', 'cancelled'), ('cancelled', 'erp', 'rejected'), ('cancelled', 'erp', 'none'),
           ('cancelled', 'wms', 'cancelled'), ('cancelled', 'wms', 'none'),
           ('cancelled', 'payments', 'voided'), ('cancelled', 'payments', 'expired'),
           ('returned', 'channel', 'partially_refunded'), ('returned', 'channel', 'refunded'),
           ('returned', 'oms', 'partially_returned'), ('returned', 'oms', 'returned'),
           ('returned', 'erp', 'partially_invoiced'), ('returned', 'erp', 'invoiced'),
           ('returned', 'wms', 'partially_shipped'), ('returned', 'wms', 'shipped'),
           ('returned', 'payments', 'partially_refunded'), ('returned', 'payments', 'refunded')
), shown_by AS (
    SELECT CASE WHEN system IN ('oms', 'erp', 'wms', 'payments') THEN system ELSE 'channel' END AS place,
           order_ref, status
    FROM   documents
    WHERE  order_ref IS NOT NULL
      AND  (kind IN ('sales_order', 'fulfilment', 'payment') OR (kind = 'order' AND system <> 'sut'))
), standing AS (
    SELECT * FROM shown_by WHERE status NOT IN ('cancelled', 'rejected', 'voided', 'expired')
), living AS ( -- a cancelled or rejected document counts only where nothing else stands
    SELECT * FROM standing
    UNION  ALL
    SELECT * FROM shown_by ANTI JOIN standing USING (order_ref, place)
), shown AS ( -- an order in several fulfilments is shipped when all of them are
    SELECT order_ref, place, status FROM living WHERE place <> 'wms'
    UNION
    SELECT order_ref, 'wms',
           CASE WHEN bool_and(status IN ('shipped', 'returned')) THEN 'shipped'
                WHEN bool_or(status IN ('shipped', 'partially_shipped')) THEN 'partially_shipped'
                ELSE min(status) END
    FROM   living WHERE place = 'wms' GROUP BY order_ref
), judged_orders AS (
    SELECT order_ref, effect_id FROM accepted_orders WHERE NOT parked
), expected AS ( -- every order at every place that the estate has
    SELECT o.order_ref, p.place FROM judged_orders AS o
    CROSS  JOIN (SELECT DISTINCT place FROM shown_by) AS p -- at most five
), free AS ( -- what was shipped cost nothing, so there was nothing to capture
    SELECT s.order_ref FROM shipped_lines AS s JOIN accepted_orders AS o USING (order_ref)
    GROUP  BY s.order_ref HAVING sum(s.quantity * s.unit_price) = 0 AND max(coalesce(o.shipping, 0)) = 0
), back_for_nothing AS ( -- what came back had cost nothing, so there was nothing to refund: money stays as it was
    SELECT r.order_ref
    FROM  (SELECT order_ref, unnest(lines) AS line FROM effects WHERE kind = 'return_received') AS r
    JOIN   order_lines AS o ON o.order_ref = r.order_ref AND o.line_id = r.line.line_id
    GROUP  BY r.order_ref HAVING sum(r.line.quantity * o.unit_price) = 0
), seen AS (
    SELECT x.order_ref, x.place,
           CASE WHEN f.order_ref IS NOT NULL AND s.status IN ('authorised', 'voided') THEN 'captured'
                WHEN b.order_ref IS NOT NULL AND s.status IN ('partially_returned', 'returned') THEN 'shipped'
                ELSE coalesce(s.status, 'none') END AS status
    FROM   expected AS x
    LEFT   JOIN shown AS s ON s.order_ref = x.order_ref AND s.place = x.place
    LEFT   JOIN free AS f ON f.order_ref = x.order_ref AND x.place = 'payments'
    LEFT   JOIN back_for_nothing AS b ON b.order_ref = x.order_ref AND x.place = 'oms'
), told AS (
    SELECT order_ref, count(*) AS facts, string_agg(format('{} {}', place, status), ', ' ORDER BY place, status) AS summary
    FROM   seen GROUP BY order_ref
), agreed AS (
    SELECT DISTINCT order_ref
    FROM  (SELECT s.order_ref, t.story, count(*) AS facts
           FROM   seen AS s JOIN stories AS t ON t.place = s.place AND t.status = s.status
           GROUP  BY s.order_ref, t.story)
    SEMI   JOIN told USING (order_ref, facts)
), trail AS ( -- of the few that disagree
    SELECT order_ref, list(effect_id ORDER BY at_ns DESC) AS effect_ids
    FROM  (SELECT order_ref, arg_max(effect_id, (at_ns, effect_id)) AS effect_id, max(at_ns) AS at_ns
           FROM   effects SEMI JOIN (SELECT order_ref FROM judged_orders ANTI JOIN agreed USING (order_ref)) USING (order_ref)
           WHERE  status IS NOT NULL
           GROUP  BY order_ref, system)
    GROUP  BY order_ref
)
SELECT o.order_ref                                                                        AS subject,
       due(a.order_ref IS NOT NULL, w.order_ref IS NOT NULL)                              AS holds,
       t.summary                                                                          AS finding,
       list_concat([o.effect_id], r.effect_ids)                                           AS evidence,
       NULL                                                                               AS guilty
FROM   judged_orders AS o
LEFT   JOIN owed_orders AS w ON w.order_ref = o.order_ref
JOIN   told AS t ON t.order_ref = o.order_ref
LEFT   JOIN agreed AS a ON a.order_ref = o.order_ref
LEFT   JOIN trail AS r ON r.order_ref = o.order_ref
