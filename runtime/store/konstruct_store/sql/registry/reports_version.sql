-- The version of the reports.
SELECT reports_version FROM konstruct.registry_state
