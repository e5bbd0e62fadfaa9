-- name:       objective_adherence
-- definition: Share of the objectives on other figures that were met: each counts once over all, and once for each channel alone of which its figure is said.
-- unit:       ratio
-- source:     the objectives of the run
-- better:     higher
-- measure:    share
-- after:      objectives
SELECT channel, met::INTEGER AS part, 1 AS whole
FROM   checked_objectives
