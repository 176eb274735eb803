-- no transaction
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS archive_chunks_fact ON archive_chunks (fact_id, part)
    WHERE fact_id IS NOT NULL;
