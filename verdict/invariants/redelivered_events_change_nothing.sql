-- claim:    An event that comes again, or too late, changes nothing more.
-- flow:     any
-- class:    idempotency
-- severity: critical
-- step:     5
-- leads_to: acts
-- cause:    Events are told apart by their id alone, or the id is stored only after the work is done.
-- remedy:   Keep the ids of events in durable storage, and make each step's key and look-up from the order, shipment or return, for an event may also come under a new id.
-- A second effect counts where the request that made the first had been answered with success, and the
-- middleware lived on for a second to keep the answer: no lost reply explains it then.
WITH consequences (topic, consequence) AS ( -- what may follow from an event once; all but the first two carry its own reference
    VALUES ('order.placed', 'oms_order_created'), ('order.placed', 'sales_order_received'),
           ('shipment.confirmed', 'payment_captured'), ('shipment.confirmed', 'invoice_received'),
           ('shipment.confirmed', 'oms_order_shipped'), ('shipment.confirmed', 'shipment_recorded'),
           ('return.requested', 'return_authorised'), ('return.requested', 'return_expected'),
           ('return.received', 'credit_memo_received'), ('credit_memo.posted', 'payment_refunded'),
           ('credit_memo.posted', 'refund_confirmed'), ('stock.changed', 'stock_adjusted')
), told AS (
    SELECT effect_id, any_value(topic) AS topic, list(at_ns ORDER BY at_ns) AS told_ns,
           list(delivery_id ORDER BY at_ns, delivery_id) AS delivery_ids
    FROM   deliveries
    WHERE  forgery IS NULL AND effect_id IS NOT NULL AND topic IN (SELECT topic FROM consequences)
      AND (status IS NOT NULL OR error = 'timeout')
    GROUP  BY effect_id
), rejected AS (
    SELECT DISTINCT document_id FROM effects WHERE kind = 'sales_order_rejected'
), repeated AS ( -- few; what a system rejected may be asked again
    SELECT kind, order_ref, ref, count(*) AS times, list(effect_id ORDER BY at_ns, effect_id) AS effect_ids,
           list(at_ns ORDER BY at_ns, effect_id) AS at_ns, list(call_id ORDER BY at_ns, effect_id) AS call_ids
    FROM  (SELECT kind, order_ref, CASE WHEN kind NOT IN ('oms_order_created', 'sales_order_received') THEN ref END AS ref, effect_id, at_ns, call_id
           FROM   effects
           WHERE  kind IN (SELECT consequence FROM consequences) AND actor IS NULL
             AND  NOT (kind = 'sales_order_received' AND document_id IN (SELECT document_id FROM rejected)))
    GROUP  BY kind, order_ref, ref HAVING count(*) > 1
), unexplained AS (
    SELECT r.*, coalesce(c.replied_ns, r.at_ns[1]) AS done_ns
    FROM   repeated AS r LEFT JOIN calls AS c ON c.call_id = r.call_ids[1]
    WHERE  coalesce(c.outcome = 'ok', true)
      AND  NOT EXISTS (SELECT 1 FROM faults AS f
                       WHERE f.fault IN ('sut-kill', 'sut-restart') AND f.mark = 'fired'
                         AND f.at_ns BETWEEN c.at_ns AND c.replied_ns + 1000000000)
), broken AS ( -- it came twice before the second effect, or once after the first, which polling had led to
    SELECT a.effect_id, string_agg(times(r.kind, r.times), ', ' ORDER BY r.kind) AS words,
           arg_min(r.effect_ids[2], r.at_ns[2]) AS guilty, flatten(list(r.effect_ids)) AS effect_ids
    FROM   unexplained AS r
    JOIN   consequences AS c ON c.consequence = r.kind
    JOIN   effects AS e ON e.order_ref IS NOT DISTINCT FROM r.order_ref AND (r.ref IS NULL OR e.ref = r.ref)
    JOIN   told AS a ON a.effect_id = e.effect_id AND a.topic = c.topic
    WHERE  a.told_ns[2] <= r.at_ns[2] OR len([x FOR x IN a.told_ns IF x > r.done_ns AND x <= r.at_ns[2]]) > 0
    GROUP  BY a.effect_id
)
SELECT a.effect_id                                                                        AS subject,
       b.effect_id IS NULL                                                                AS holds,
       format('{} about {} was {}: {}', a.topic, coalesce(e.order_ref, e.sku, '–'),
              CASE WHEN len(a.delivery_ids) > 1 THEN times('delivered', len(a.delivery_ids))
                   ELSE 'delivered when it was done already' END,
              coalesce(b.words, 'done once'))                                             AS finding,
       list_concat(a.delivery_ids, b.effect_ids)                                          AS evidence,
       e.order_ref,
       b.guilty
FROM   told AS a
JOIN   effects AS e ON e.effect_id = a.effect_id
LEFT   JOIN broken AS b ON b.effect_id = a.effect_id
WHERE  len(a.delivery_ids) > 1 OR b.effect_id IS NOT NULL
