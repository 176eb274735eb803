-- no transaction
-- Files that wait are counted and fetched by person.
CREATE INDEX CONCURRENTLY IF NOT EXISTS awaited_files_person
    ON awaited_files (platform, (event -> 'user' ->> 'external_id'), id);
