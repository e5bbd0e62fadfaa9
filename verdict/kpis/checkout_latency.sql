-- name:       checkout_latency
-- definition: Time from the moment that a shopper meant to check out until the channel's answer, whatever it was.
-- unit:       s
-- better:     lower
-- source:     time from the intended start, so that nobody who had to wait is left out (coordinated omission)
-- measure:    percentiles 50:1 95:20 99:100
SELECT channel, (replied_ns - due_ns) / 1e9 AS value
FROM   workload
WHERE  kind = 'order' AND replied_ns IS NOT NULL
