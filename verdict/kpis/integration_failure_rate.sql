-- name:       integration_failure_rate
-- definition: Share of the middleware's changes that were refused or whose outcome it could not know.
-- unit:       ratio
-- source:     calls that change state, by outcome
-- better:     lower
-- measure:    share
SELECT NULL::VARCHAR AS channel, count(*) FILTER (WHERE outcome <> 'ok') AS part, count(*) AS whole
FROM   sut_calls WHERE changes GROUP BY system
