-- name:       generator_lateness
-- definition: How late shoppers did what they meant to do: what the load generator itself adds to every latency.
-- unit:       s
-- better:     lower
-- source:     every act has the time it is due at; a generator that cannot keep up measures itself
-- measure:    percentiles 50:1 99:100
SELECT NULL::VARCHAR AS channel, (at_ns - due_ns) / 1e9 AS value
FROM   workload
WHERE  due_ns IS NOT NULL AND replied_ns IS NOT NULL
