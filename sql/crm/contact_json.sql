-- A contact's row by the names that conditions use: built-in fields in camelCase, custom fields by their own.
-- Called by: the triggers of crm.contacts. Locks: none. Index: none.
-- needs: instant_text
create or replace function crm.contact_json(c crm.contacts) returns jsonb
language sql stable
return c.custom_fields || jsonb_strip_nulls(jsonb_build_object(
  'id', c.id, 'externalId', c.external_id, 'email', c.email, 'phone', c.phone, 'firstName', c.first_name,
  'lastName', c.last_name, 'fullName', c.full_name, 'companyName', c.company_name, 'timezone', c.timezone,
  'tags', to_jsonb(c.tags), 'source', c.source, 'dnd', c.dnd, 'address1', c.address1, 'city', c.city, 'state', c.state,
  'postalCode', c.postal_code, 'country', c.country, 'birthDate', c.birth_date, 'ownerId', c.owner_id,
  'lastPurchaseDate', crm.instant_text(c.last_purchase_date)));
