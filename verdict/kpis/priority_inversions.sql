-- name:       priority_inversions
-- definition: Share of orders that waited for their request to the warehouse while a less urgent one that was ready later was asked for first.
-- unit:       ratio
-- source:     the invariant no_priority_inversion
-- better:     lower
-- measure:    share
SELECT NULL::VARCHAR AS channel, violated AS part, examined AS whole
FROM   asked_invariants WHERE id = 'no_priority_inversion'
