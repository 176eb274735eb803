-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS archive_documents_book ON archive_documents (book_id) WHERE book_id IS NOT NULL;
