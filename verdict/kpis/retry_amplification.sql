-- name:       retry_amplification
-- definition: State-changing calls for each thing that was wanted; 1 means nothing was ever repeated.
-- unit:       calls per intent
-- source:     calls that change state, by system, operation, subject and body
-- better:     lower
-- measure:    share
SELECT o.channel, count(*) AS part, count(*) FILTER (WHERE r.call_id IS NULL) AS whole
FROM   sut_calls AS c
LEFT   JOIN (SELECT call_id FROM repeated_calls WHERE turn > 1) AS r ON r.call_id = c.call_id
LEFT   JOIN accepted_orders AS o ON o.order_ref = c.subject
WHERE  c.changes
GROUP  BY o.channel
