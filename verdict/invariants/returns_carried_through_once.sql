-- claim:    Every return is authorised, expected, credited for what came back, refunded and confirmed, each exactly once.
-- flow:     return-to-refund
-- class:    idempotency
-- severity: critical
-- step:     80
-- cause:    One step of the chain fails and is not tried again, or the whole chain is started twice.
-- remedy:   Give each step of each return its own durable task and Idempotency-Key; credit the lines of return.received, not those that were announced.
WITH steps AS (
    SELECT ref,
           count(*) FILTER (WHERE kind = 'return_authorised')     AS authorised,
           count(*) FILTER (WHERE kind = 'return_expected')       AS expected,
           count(*) FILTER (WHERE kind = 'return_received')       AS received,
           count(*) FILTER (WHERE kind = 'return_received' AND coalesce(len(lines), 0) = 0) AS nothing_came,
           count(*) FILTER (WHERE kind = 'credit_memo_received')  AS credited,
           count(*) FILTER (WHERE kind = 'payment_refunded')      AS refunded,
           count(*) FILTER (WHERE kind = 'refund_confirmed')      AS confirmed,
           coalesce(bool_and(amount = 0) FILTER (WHERE kind = 'credit_memo_received'), false) AS worth_nothing,
           arg_min([x FOR x IN lines IF x.quantity > 0], at_ns)
             FILTER (WHERE kind = 'return_received')              AS came,
           arg_min([x FOR x IN lines IF x.quantity > 0], at_ns)
             FILTER (WHERE kind = 'credit_memo_received')         AS credited_lines,
           arg_min(effect_id, at_ns) FILTER (WHERE turn > 1 AND kind <> 'return_received') AS repeated_id,
           arg_min(effect_id, at_ns) FILTER (WHERE kind = 'credit_memo_received')          AS credit_id,
           list(effect_id ORDER BY at_ns, effect_id)              AS effect_ids
    FROM  (SELECT *, row_number() OVER (PARTITION BY ref, kind ORDER BY at_ns, effect_id) AS turn
           FROM effects WHERE ref IS NOT NULL AND kind IN ('return_authorised', 'return_expected', 'return_received', 'credit_memo_received', 'payment_refunded',
                    'refund_confirmed'))
    GROUP  BY ref
)
SELECT r.ref                                                                                          AS subject,
       CASE WHEN greatest(s.authorised, s.expected, s.credited, s.refunded, s.confirmed) > 1
              OR units_by_line(s.credited_lines) <> units_by_line(s.came) THEN false
            ELSE due((s.authorised = 1 AND s.expected = 1 AND s.received >= 1
                             AND (s.nothing_came > 0 OR (s.credited = 1 AND (s.worth_nothing OR (s.refunded = 1 AND s.confirmed = 1)))))
                     OR coalesce(o.parked, false), coalesce(o.owed, w.order_ref IS NOT NULL)) END     AS holds,
       concat_ws('; ', format('order {}', r.order_ref),
                 array_to_string([times(x.done, x.n) FOR x IN [
                     {'done': 'authorised', 'n': s.authorised}, {'done': 'expected', 'n': s.expected}, {'done': 'received', 'n': s.received},
                     {'done': 'credited', 'n': s.credited}, {'done': 'refunded', 'n': s.refunded}, {'done': 'confirmed', 'n': s.confirmed}]], ', '),
                 CASE WHEN units_by_line(s.credited_lines) <> units_by_line(s.came)
                      THEN format('{} came back, {} credited',
                                  coalesce(nullif(array_to_string([format('line {} × {}', x.line_id, x.quantity) FOR x IN s.came], ', '), ''), 'nothing'),
                                  array_to_string([format('line {} × {}', x.line_id, x.quantity) FOR x IN s.credited_lines], ', ')) END,
                 d.words)                                                                             AS finding,
       list_concat([r.effect_id], s.effect_ids)                                                       AS evidence,
       r.order_ref,
       coalesce(s.repeated_id, CASE WHEN units_by_line(s.credited_lines) <> units_by_line(s.came) THEN s.credit_id END) AS guilty,
       coalesce(d.remedy, CASE WHEN units_by_line(s.credited_lines) <> units_by_line(s.came)
                               THEN 'Credit the lines of return.received, not those that were announced.' END) AS remedy
FROM   effects AS r
LEFT   JOIN owed_orders AS w ON w.order_ref = r.order_ref
LEFT   JOIN steps AS s ON s.ref = r.ref
LEFT   JOIN repeated_effects AS d ON d.effect_id = s.repeated_id
LEFT   JOIN accepted_orders AS o ON o.order_ref = r.order_ref
WHERE  r.kind = 'return_requested'
