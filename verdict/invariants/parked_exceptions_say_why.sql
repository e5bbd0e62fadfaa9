-- claim:    Every parked exception names an order that exists, the system that refused it, and the reason.
-- flow:     any
-- class:    traceability
-- severity: major
-- step:     61
-- cause:    The exception list is a log of stack traces, or the reason of the first attempt was overwritten.
-- remedy:   Answer exceptions_url with the channel's order reference, the system's name and its own words, so that somebody can act on it.
SELECT p.order_ref || ' ' || coalesce(p.system, '')                                       AS subject,
       bool_and(o.order_ref IS NOT NULL AND trim(coalesce(p.system, '')) <> '' AND trim(coalesce(p.reason, '')) <> '') AS holds,
       concat_ws('; ', 'parked',
                 CASE WHEN any_value(o.order_ref) IS NULL THEN 'under a reference that no channel knows' END,
                 CASE WHEN bool_or(trim(coalesce(p.system, '')) = '') THEN 'without a system' END,
                 CASE WHEN bool_or(trim(coalesce(p.reason, '')) = '') THEN 'without a reason' END) AS finding,
       [coalesce(any_value(o.effect_id), 'state/sut.jsonl: exception ' || p.order_ref)]   AS evidence,
       any_value(o.order_ref)                                                             AS order_ref,
       NULL                                                                               AS guilty
FROM   parked AS p
LEFT   JOIN accepted_orders AS o ON o.order_ref = p.order_ref
WHERE  p.order_ref IS NOT NULL
GROUP  BY p.order_ref, p.system
