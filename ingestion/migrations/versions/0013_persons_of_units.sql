alter table ledger.persons add column org_code text;
comment on column ledger.persons.org_code is 'The unit that the person belongs to; null: the whole site. department is what 表A.2 says.';
