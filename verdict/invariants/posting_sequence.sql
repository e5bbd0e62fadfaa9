-- claim:    Nothing is done too early: goods are requested after posting and allocation, billed after they left, credited after they came back.
-- flow:     order-to-ship, return-to-refund
-- class:    consistency
-- severity: critical
-- step:     58
-- cause:    Events of two systems overtake each other and the next step does not look whether the one before is done.
-- remedy:   Let each step wait for the event that allows it; never act on the expectation that it will come.
WITH rules (step, needs, by_ref) AS (
    VALUES ('fulfilment_requested', 'sales_order_posted', false),
           ('fulfilment_requested', 'order_allocated',    false),
           ('invoice_received',     'shipment_confirmed', true),
           ('payment_captured',     'shipment_confirmed', true),
           ('credit_memo_received', 'return_received',    true)
), first_done AS (
    SELECT kind, order_ref, ref, min(at_ns) AS at_ns, arg_min(effect_id, at_ns) AS effect_id
    FROM   effects
    WHERE  kind IN ('sales_order_posted', 'order_allocated', 'shipment_confirmed', 'return_received')
    GROUP  BY kind, order_ref, ref
), steps AS (
    SELECT e.order_ref, e.effect_id, e.at_ns, e.kind, r.needs, CASE WHEN r.by_ref THEN e.ref END AS ref
    FROM   effects AS e
    JOIN   rules AS r ON r.step = e.kind
    WHERE  e.actor IS DISTINCT FROM 'before-run' AND e.order_ref IS NOT NULL AND (e.ref IS NOT NULL OR NOT r.by_ref)
), checked AS (
    SELECT s.order_ref, s.effect_id, s.at_ns, s.kind, s.needs, f.effect_id AS needed_id, f.at_ns AS needed_ns,
           coalesce(f.at_ns <= s.at_ns, false) AS in_order
    FROM   steps AS s
    LEFT   JOIN (SELECT kind, order_ref, CASE WHEN kind IN ('shipment_confirmed', 'return_received') THEN ref END AS ref,
                        min(at_ns) AS at_ns, arg_min(effect_id, at_ns) AS effect_id
                 FROM first_done GROUP BY ALL) AS f
           ON f.kind = s.needs AND f.order_ref = s.order_ref AND f.ref IS NOT DISTINCT FROM s.ref
)
SELECT order_ref                                                                         AS subject,
       bool_and(in_order)                                                                AS holds,
       coalesce(string_agg(CASE WHEN needed_ns IS NULL THEN format('{} without {}', kind, needs)
                                ELSE format('{} {} ms before {}', kind, (needed_ns - at_ns) // 1000000, needs) END, '; ')
                  FILTER (WHERE NOT in_order), 'every step in its turn')                 AS finding,
       list_distinct(list_concat(list(effect_id), list(needed_id)))                      AS evidence,
       arg_min(effect_id, at_ns) FILTER (WHERE NOT in_order)                             AS guilty
FROM   checked
GROUP  BY order_ref
