-- claim:    No credential, token or webhook secret appears in the middleware's log.
-- flow:     any
-- class:    security
-- severity: critical
-- step:     2
-- cause:    Whole requests, environments or configurations are logged, at debug level or when something fails.
-- remedy:   Log ids and outcomes, not headers, environments or bodies of the token endpoint; mask whatever comes from a secret.
-- The runner looks through the log that it captured, for every secret that it gave out, and never writes one down.
WITH looked AS (
    SELECT detail, at_ns FROM workload WHERE kind = 'sut_log'
), leaks AS (
    SELECT detail FROM workload WHERE kind = 'sut_leak'
)
SELECT 'sut.log'                                                                          AS subject,
       (SELECT count(*) FROM leaks) = 0                                                   AS holds,
       coalesce((SELECT string_agg(detail, '; ') FROM leaks), max(detail))                AS finding,
       ['sut.log: ' || coalesce((SELECT min(detail) FROM leaks), max(detail))]            AS evidence,
       NULL                                                                               AS guilty
FROM   looked
HAVING count(*) > 0
