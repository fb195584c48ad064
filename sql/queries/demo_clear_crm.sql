-- Removes what an earlier demo left in the reference CRM; other tenants' rows stay.
-- used by: app/demo/crm.rs clear
-- locks:   the tenant's rows
-- index:   the primary keys, by tenant
with gone as (delete from crm.form_submissions where tenant_id = $1),
     gone2 as (delete from crm.payments where tenant_id = $1),
     gone3 as (delete from crm.notes where tenant_id = $1),
     gone4 as (delete from crm.forms where tenant_id = $1),
     gone5 as (delete from crm.custom_fields where tenant_id = $1)
delete from crm.contacts where tenant_id = $1
