-- name:       retry_amplification
-- definition: State-changing calls for each thing that was wanted; 1 means nothing was ever repeated.
-- unit:       calls per intent
-- source:     calls that change state, by system, operation, subject and body
-- better:     lower
-- measure:    share
SELECT o.channel, i.calls AS part, 1 AS whole
FROM   intents AS i
LEFT   JOIN accepted_orders AS o ON o.order_ref = i.subject
