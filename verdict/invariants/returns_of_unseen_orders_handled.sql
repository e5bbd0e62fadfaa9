-- claim:    A return of an order from before the middleware's time is credited and refunded like any other.
-- flow:     return-to-refund
-- class:    consistency
-- severity: major
-- step:     79
-- cause:    The return is looked up in the middleware's own tables, which do not go back far enough.
-- remedy:   When a return names an order that is not known, read the order from its channel and carry the return through.
WITH unseen AS (
    SELECT r.ref, r.effect_id, r.order_ref, coalesce(o.parked, false) AS parked, w.order_ref IS NOT NULL AS owed
    FROM   effects AS r
    LEFT   JOIN accepted_orders AS o ON o.order_ref = r.order_ref
    LEFT   JOIN owed_orders AS w ON w.order_ref = r.order_ref
    WHERE  r.kind = 'return_requested' AND r.actor IS DISTINCT FROM 'before-run' AND coalesce(o.before_run, true)
), steps AS (
    SELECT ref, count(*) FILTER (WHERE kind = 'credit_memo_received') AS credited, count(*) FILTER (WHERE kind = 'payment_refunded') AS refunded,
           count(*) FILTER (WHERE kind = 'return_received' AND coalesce(len(lines), 0) = 0) AS nothing_came,
           coalesce(bool_and(amount = 0) FILTER (WHERE kind = 'credit_memo_received'), false) AS worth_nothing,
           list(effect_id ORDER BY at_ns, effect_id) AS effect_ids
    FROM   effects SEMI JOIN unseen USING (ref)
    WHERE  kind IN ('return_received', 'credit_memo_received', 'payment_refunded') GROUP BY ref
)
SELECT u.ref                                                                              AS subject,
       due(coalesce(s.nothing_came > 0 OR (s.credited > 0 AND (s.refunded > 0 OR s.worth_nothing)), false) OR u.parked, u.owed) AS holds,
       format('order {} is older than the run: its return was {}, {}', u.order_ref, times('credited', s.credited), times('refunded', s.refunded)) AS finding,
       list_concat([u.effect_id], s.effect_ids)                                           AS evidence,
       u.order_ref,
       NULL                                                                               AS guilty
FROM   unseen AS u
LEFT   JOIN steps AS s ON s.ref = u.ref
