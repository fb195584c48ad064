-- The contacts as the engine reads them, out of the reference CRM.
-- Called by: enrolment, workers, the API. Index: contacts_pk for (tenant, id).
create or replace view waypost.contacts with (security_invoker = true) as
select c.tenant_id as tenant, c.id, c.external_id, c.email, c.phone, c.first_name, c.last_name, c.full_name,
       c.company_name, c.timezone, c.tags, c.source, c.dnd, c.address1, c.city, c.state, c.postal_code, c.country,
       c.birth_date, c.owner_id, c.last_purchase_date, c.created_at, c.updated_at, c.custom_fields as fields
from crm.contacts c;
