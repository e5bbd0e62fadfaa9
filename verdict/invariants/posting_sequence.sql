-- claim:    Nothing is done too early: goods are requested after posting and allocation, billed after they left, credited after they came back.
-- flow:     order-to-ship, return-to-refund
-- class:    consistency
-- severity: critical
-- step:     58
-- cause:    Events of two systems overtake each other and the next step does not look whether the one before is done.
-- remedy:   Let each step wait for the event that allows it; never act on the expectation that it will come.
WITH rules (step, needs, by_ref, done, what, was) AS (
    VALUES ('fulfilment_requested', 'sales_order_posted', false, 'requested from the warehouse', 'the sales order', 'posted'),
           ('fulfilment_requested', 'order_allocated',    false, 'requested from the warehouse', 'the order', 'allocated'),
           ('invoice_received',     'shipment_confirmed', true,  'invoiced',           'the shipment', 'confirmed'),
           ('payment_captured',     'shipment_confirmed', true,  'captured',           'the shipment', 'confirmed'),
           ('oms_order_shipped',    'shipment_confirmed', true,  'shipped in the OMS', 'the shipment', 'confirmed'),
           ('shipment_recorded',    'shipment_confirmed', true,  'shipped at the channel', 'the shipment', 'confirmed'),
           ('credit_memo_received', 'return_received',    true,  'credited',           'the return', 'received')
), first_done AS (
    SELECT kind, order_ref, CASE WHEN kind IN ('shipment_confirmed', 'return_received') THEN ref END AS ref,
           min(at_ns) AS at_ns, arg_min(effect_id, at_ns) AS effect_id
    FROM   effects
    WHERE  kind IN ('sales_order_posted', 'order_allocated', 'shipment_confirmed', 'return_received')
    GROUP  BY ALL
), steps AS (
    SELECT e.order_ref, e.effect_id, e.at_ns, e.ref AS about, r.needs, r.done, r.what, r.was, CASE WHEN r.by_ref THEN e.ref END AS ref
    FROM   effects AS e
    JOIN   rules AS r ON r.step = e.kind
    WHERE  e.actor IS DISTINCT FROM 'before-run' AND e.order_ref IS NOT NULL AND (e.ref IS NOT NULL OR NOT r.by_ref)
), checked AS (
    SELECT s.order_ref, s.effect_id, s.at_ns, f.effect_id AS needed_id,
           CASE WHEN f.at_ns <= s.at_ns THEN NULL
                WHEN f.at_ns IS NULL THEN format('{} {}, although {} was never {}', s.about, s.done, s.what, s.was)
                ELSE format('{} {} {} before {} was {}', s.about, s.done, span(f.at_ns - s.at_ns), s.what, s.was) END AS early
    FROM   steps AS s
    LEFT   JOIN first_done AS f ON f.kind = s.needs AND f.order_ref = s.order_ref AND f.ref IS NOT DISTINCT FROM s.ref
)
SELECT order_ref                                                                          AS subject,
       count(early) = 0                                                                   AS holds,
       CASE WHEN count(early) = 0 THEN 'every step in its turn'
            ELSE concat_ws('; ', array_to_string((list(early ORDER BY at_ns, effect_id) FILTER (WHERE early IS NOT NULL))[:3], '; '),
                           CASE WHEN count(early) > 3 THEN format('{} more like it', count(early) - 3) END) END AS finding,
       list_distinct(list_concat(list(effect_id) FILTER (WHERE early IS NOT NULL), list(needed_id) FILTER (WHERE early IS NOT NULL),
                                 list(effect_id)))                                        AS evidence,
       arg_min(effect_id, (at_ns, effect_id)) FILTER (WHERE early IS NOT NULL)            AS guilty
FROM   checked
GROUP  BY order_ref
