-- claim:    Only orders that a system refused for good stay parked once everything is healed.
-- flow:     order-to-erp, order-to-ship, cancel, return-to-refund
-- class:    retry
-- severity: critical
-- step:     62
-- remedy:   Park only on a permanent refusal; retry everything else until it succeeds, and replay what an outage had parked.
WITH refusals AS (
    SELECT coalesce(order_ref, subject) AS order_ref, call_id AS evidence_id FROM sut_calls
    WHERE  permanent AND outcome = 'refused' AND refused_by IS DISTINCT FROM 'auth'
    UNION  ALL
    SELECT unnest(subjects), call_id FROM sut_calls
    WHERE  permanent AND outcome = 'refused' AND refused_by IS DISTINCT FROM 'auth' AND subjects IS NOT NULL
    UNION  ALL
    SELECT order_ref, effect_id FROM effects WHERE kind = 'sales_order_rejected' AND permanent
)
SELECT p.order_ref                                                                        AS subject,
       count(r.evidence_id) > 0                                                           AS holds,
       format('parked ({}), {}', coalesce(any_value(p.reason), 'no reason given'),
              CASE WHEN count(r.evidence_id) > 0 THEN 'refused for good'
                   ELSE 'though no system ever refused it for good' END)                  AS finding,
       list_concat([coalesce(o.effect_id, 'state/sut.jsonl: exception ' || p.order_ref)],
                   list(r.evidence_id) FILTER (WHERE r.evidence_id IS NOT NULL))          AS evidence
FROM   parked AS p
LEFT   JOIN refusals AS r ON r.order_ref = p.order_ref
LEFT   JOIN accepted_orders AS o ON o.order_ref = p.order_ref
WHERE  p.order_ref IS NOT NULL
GROUP  BY p.order_ref, o.effect_id
