-- Forget the credentials of connections that have none declared any longer.
-- $1 tenant, $2 connections that have
DELETE FROM konstruct.verified_credentials
WHERE tenant_id = $1 AND NOT connection_id = any($2::uuid [])
